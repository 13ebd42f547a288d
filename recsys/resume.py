"""Where an unfinished training is, so that it can go on after it was killed."""

import copy
import hashlib
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from recsys.metrics import Metrics
from recsys.outputs import replacing
from recsys.params import Section

log = logging.getLogger(__name__)


@dataclass
class Run:
    """All that changes while a model trains.

    Attributes:
        averaged: the moving average of the model's weights.
        momenta: what the embeddings' own optimizer keeps, if they have one; changed in place.
        epoch, step: the epoch that is under way, from 1, and the steps done of it.
        loss: sum over the rows of this epoch.
        shuffle: the generator's state from which this epoch's order is drawn.
        history: a record for each finished epoch.
        best_weights, best_quality, best_epoch: of the best epoch so far.
    """

    model: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    momenta: list[Tensor]
    shuffle: Tensor
    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    history: list[Metrics] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    best_quality: float = -math.inf
    best_epoch: int = 0

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and containers of them."""
        values = {name: getattr(self, name) for name in _VALUES}
        modules = {name: getattr(self, name).state_dict() for name in _MODULES}
        others = {"momenta": self.momenta, "random": torch.get_rng_state()}
        return values | modules | others

    def restore(self, state: dict[str, Any]) -> None:
        for name in _VALUES:
            setattr(self, name, state[name])
        for momentum, value in zip(self.momenta, state["momenta"], strict=True):
            momentum.copy_(value)
        for name in _MODULES:
            getattr(self, name).load_state_dict(state[name])
        torch.set_rng_state(state["random"])

    def finish_epoch(self, record: Metrics, quality: float, shuffle: Tensor) -> None:
        """Remember the epoch, and its weights if none were better; begin the next."""
        if quality > self.best_quality:
            self.best_quality, self.best_epoch = quality, self.epoch
            self.best_weights = copy.deepcopy(self.averaged.module.state_dict())
        self.history.append(record)
        self.epoch, self.step, self.loss, self.shuffle = self.epoch + 1, 0, 0.0, shuffle


_MODULES = ("model", "averaged", "optimizer")
_VALUES = tuple(f.name for f in fields(Run) if f.name not in (*_MODULES, "momenta"))


class ResumeFile:
    """The state of one run, known by its params, its data, this package's code and torch.

    Args:
        path: the file, which appears whole or not at all.
        params, data: what the run depends on; the state of another run is not gone on from.
    """

    def __init__(self, path: Path, params: Iterable[Section], data: Iterable[Path]) -> None:
        self.path = path
        digest = hashlib.sha256(torch.__version__.encode())
        for section in params:
            digest.update(section.model_dump_json().encode())
        # A run that went on with other code would be neither the old one nor the new.
        for part in (*data, *sorted(Path(__file__).parent.glob("*.py"))):
            with part.open("rb") as file:
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
