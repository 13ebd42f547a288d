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

from recsys.common.atomic import atomic_write
from recsys.common.params import Section
from recsys.tasks.metrics import Metrics
from recsys.training.ema import Average
from recsys.training.process_group import World

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
# The rooms that training depends on, as in dvc.yaml; a test compares them with the imports.
ROOMS = ("common", "storage", "dataloader", "models", "tasks", "training")


@dataclass
class Run:
    """All that changes while a model trains.

    Attributes:
        model: its parameters may be this process's share of the weights.
        average: the moving average of what the optimizer trains.
        momenta: what the embeddings' own optimizer keeps, if they have one; changed in place.
        epoch, step: the epoch that is under way, from 1, and the steps done of it.
        loss: sum over the rows of this epoch.
        shuffle: the generator's state from which this epoch's order is drawn.
        history: a record for each finished epoch.
        best_weights, best_quality, best_epoch: of the best epoch so far; the weights are in the
            order of the model's parameters.
    """

    model: nn.Module
    average: Average
    optimizer: torch.optim.Optimizer
    momenta: list[Tensor]
    shuffle: Tensor
    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    history: list[Metrics] = field(default_factory=list)
    best_weights: list[Tensor] = field(default_factory=list)
    best_quality: float = -math.inf
    best_epoch: int = 0

    def state(self) -> dict[str, Any]:
        """Tensors, numbers and containers of them."""
        values = {name: getattr(self, name) for name in _VALUES}
        return values | {
            "weights": _copies(self.model),
            "averages": self.average.values,
            "averaged": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "momenta": self.momenta,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        for name in _VALUES:
            setattr(self, name, state[name])
        _assign(self.model.parameters(), state["weights"])
        _assign(self.average.values, state["averages"])
        self.average.steps = state["averaged"]
        self.optimizer.load_state_dict(state["optimizer"])
        _assign(self.momenta, state["momenta"])
        torch.set_rng_state(state["random"])

    def finish_epoch(self, record: Metrics, quality: float, shuffle: Tensor) -> None:
        """Remember the epoch, and its weights if none were better; begin the next."""
        if quality > self.best_quality:
            self.best_quality, self.best_epoch = quality, self.epoch
            with self.average.in_place():
                self.best_weights = _copies(self.model)
        self.history.append(record)
        self.epoch, self.step, self.loss, self.shuffle = self.epoch + 1, 0, 0.0, shuffle

    def take_best(self) -> None:
        """The model becomes that of the best epoch."""
        _assign(self.model.parameters(), self.best_weights)


_VALUES = tuple(
    f.name for f in fields(Run) if f.name not in ("model", "average", "optimizer", "momenta")
)


def _copies(model: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]


@torch.no_grad()
def _assign(targets: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


class ResumeFile:
    """The state of one run, which is known by its params, its data, its code and torch's version.

    Args:
        path: the file, which appears whole or not at all.
        params, data: what the run depends on. The state of another run is not used.
    """

    def __init__(self, path: Path, params: Iterable[Section], data: Iterable[Path]) -> None:
        self.path = path
        digest = hashlib.sha256(torch.__version__.encode())
        for section in params:
            digest.update(section.model_dump_json().encode())
        # A run that went on with other code would be neither the old one nor the new.
        code = (file for room in ROOMS for file in sorted((PACKAGE / room).glob("*.py")))
        for part in (*data, *code):
            with part.open("rb") as file:
                while chunk := file.read(2**20):
                    digest.update(chunk)
        self.run = digest.hexdigest()

    def save(self, state: dict[str, Any]) -> None:
        """Write tensors, numbers and containers of them."""
        with atomic_write(self.path) as partial:
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

    def beside(self, suffix: str) -> "ResumeFile":
        """Another file of the same run."""
        other = copy.copy(self)
        other.path = self.path.with_name(f"{self.path.name}.{suffix}")
        return other


class SharedResume:
    """The states of several processes, each its own part, written after the same steps.

    No process ends a step that another has not begun. So while one writes the state of a step, all
    have that of the one before, if they keep it: the last two are kept, by turns in two files. Kill
    them at any time, and there is a state that all have.
    """

    def __init__(self, file: ResumeFile, world: World) -> None:
        self.world = world
        self.files = [file.beside(f"{world.rank}-of-{world.size}.{turn}") for turn in (0, 1)]
        self.newest = 1

    def save(self, state: dict[str, Any]) -> None:
        """As `ResumeFile.save`, onto the older file."""
        older = 1 - self.newest
        self.files[older].save(state)
        self.newest = older

    def load(self) -> dict[str, Any] | None:
        """This process's part of the newest state that all have. Called by all of them."""
        states = [file.load() for file in self.files]
        files = {(s["epoch"], s["step"]): turn for turn, s in enumerate(states) if s}
        common = self.world.common(set(files))
        if not common:
            return None
        # What is newer than that of another process is written again.
        self.newest = files[max(common)]
        return states[self.newest]

    def remove(self) -> None:
        for file in self.files:
            file.remove()
