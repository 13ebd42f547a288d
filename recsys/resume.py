"""Where an unfinished training is, so that it can go on after it was killed."""

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from recsys.outputs import replacing
from recsys.params import Section

log = logging.getLogger(__name__)


class ResumeFile:
    """The state of one run, known by its params and its data.

    Args:
        path: the file, which appears whole or not at all.
        params, data: what the run depends on; the state of another run is not gone on from.
    """

    def __init__(self, path: Path, params: Iterable[Section], data: Iterable[Path]) -> None:
        self.path = path
        digest = hashlib.sha256()
        for section in params:
            digest.update(section.model_dump_json().encode())
        for path_of_data in data:
            with path_of_data.open("rb") as file:
                while chunk := file.read(2**20):
                    digest.update(chunk)
        self.run = digest.hexdigest()

    def save(self, state: dict[str, Any]) -> None:
        """Write tensors, numbers and containers of them."""
        with replacing(self.path) as partial:
            torch.save({"run": self.run, **state}, partial)

    def load(self) -> dict[str, Any] | None:
        """The state of this run, if it was begun before; loads no code."""
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True)
        except FileNotFoundError:
            return None
        # Of a damaged file anything can be raised; the run then begins anew.
        except Exception as error:
            log.warning("%s is not used: %s", self.path, " ".join(str(error).split())[:200])
            return None
        return state if state["run"] == self.run else None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
