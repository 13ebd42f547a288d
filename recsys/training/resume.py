"""Files that an interrupted training resumes from."""

import copy
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from recsys.common.atomic import atomic_write
from recsys.common.params import Section
from recsys.training.process_group import ProcessGroup

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
# The rooms that training depends on, as in dvc.yaml; a test compares them with the imports.
ROOMS = ("common", "storage", "dataloader", "models", "tasks", "training")


class ResumeFile:
    """The saved state of one training run.

    A digest in the file identifies the run. It covers the params, the data, the code and torch's
    version.

    Args:
        path: written atomically.
        params: the sections that the run depends on.
        data: the files that the run depends on.
    """

    def __init__(self, path: Path, params: Iterable[Section], data: Iterable[Path]) -> None:
        self.path = path
        self.run = digest_run(params, data)

    def save(self, state: dict[str, Any]) -> None:
        """Write a state of tensors, numbers, and containers of these."""
        with atomic_write(self.path) as partial:
            torch.save({"run": self.run, **state}, partial)

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None if there is none of this run; runs no code from the file."""
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True)
        except FileNotFoundError:
            return None
        # A damaged file can raise any exception. Training then starts from the beginning.
        except Exception as error:
            log.warning("%s is not used: %s", self.path, " ".join(str(error).split())[:200])
            return None
        return state if state["run"] == self.run else None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def with_suffix(self, suffix: str) -> "ResumeFile":
        """Another file of the same run, beside this one."""
        other = copy.copy(self)
        other.path = self.path.with_name(f"{self.path.name}.{suffix}")
        return other


def digest_run(params: Iterable[Section], data: Iterable[Path]) -> str:
    """The SHA-256 of all that a run depends on."""
    digest = hashlib.sha256(torch.__version__.encode())
    for section in params:
        digest.update(section.model_dump_json().encode())
    # Resuming with changed code would give a model that neither version of the code gives.
    code = (file for room in ROOMS for file in sorted((PACKAGE / room).glob("*.py")))
    for path in (*data, *code):
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()


class DistributedResume:
    """The saved states of several processes, in two files for each process.

    All processes save after the same steps. No process can finish a step before all others have
    begun it. So while one process writes the state of a step, every other process has at least the
    state before it. Each process keeps its last two states and writes them to its two files in
    turn. Whenever the processes are killed, there is a step whose state all of them have.

    Args:
        file: gives the files their name and identifies the run.
        group: the processes that train.
    """

    def __init__(self, file: ResumeFile, group: ProcessGroup) -> None:
        self.group = group
        self.files = [file.with_suffix(f"{group.rank}-of-{group.size}.{turn}") for turn in (0, 1)]
        self.newest = 1

    def save(self, state: dict[str, Any]) -> None:
        """Write a state over the older one, as `ResumeFile.save` does."""
        older = 1 - self.newest
        self.files[older].save(state)
        self.newest = older

    def load(self) -> dict[str, Any] | None:
        """This process's state of the newest step that all processes have; None without one.

        All processes must call this.
        """
        states = [file.load() for file in self.files]
        files = {(s["epoch"], s["step"]): turn for turn, s in enumerate(states) if s}
        steps = self.group.intersection(set(files))
        if not steps:
            return None
        # The next save must not replace the state that the processes resume from.
        self.newest = files[max(steps)]
        return states[self.newest]

    def remove(self) -> None:
        for file in self.files:
            file.remove()
