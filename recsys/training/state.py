"""Everything that changes while a model trains."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from recsys.scoring.metrics import Metrics
from recsys.training.ema import ExponentialMovingAverage


@dataclass
class TrainingState:
    """The weights, the optimizers and how far the training is.

    Attributes:
        model: when several processes train, it holds this process's part of the weights.
        average: the moving average of the weights that `optimizer` trains.
        fused_states: the states of the optimizers that are fused into embedding tables, if any.
        shuffle: the generator's state that determines the order of this epoch's rows.
        epoch: the current epoch, from 1.
        step: how many steps of this epoch are done.
        loss: the sum of this epoch's losses over the rows of this process.
        history: a record for each finished epoch.
        best_epoch: the best epoch so far, 0 before the first one ends.
        best_quality: its quality; higher is better.
        best_weights: its averaged weights, in the order of the model's parameters.
    """

    model: nn.Module
    average: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer
    fused_states: list[Tensor]
    shuffle: Tensor
    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    history: list[Metrics] = field(default_factory=list)
    best_weights: list[Tensor] = field(default_factory=list)
    best_quality: float = -math.inf
    best_epoch: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Everything that resuming needs: tensors, numbers, and containers of these."""
        values = {name: getattr(self, name) for name in _SIMPLE_FIELDS}
        return values | {
            "weights": _copy_weights(self.model),
            "averages": self.average.values,
            "averaged": self.average.steps,
            "optimizer": self.optimizer.state_dict(),
            "fused_states": self.fused_states,
            "random": [generator.get_state() for generator in _generators(self.model)],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict` returned, in this process or another one."""
        for name in _SIMPLE_FIELDS:
            setattr(self, name, state[name])
        _copy_into(self.model.parameters(), state["weights"])
        _copy_into(self.average.values, state["averages"])
        self.average.steps = state["averaged"]
        self.optimizer.load_state_dict(state["optimizer"])
        _copy_into(self.fused_states, state["fused_states"])
        for generator, random in zip(_generators(self.model), state["random"], strict=True):
            generator.set_state(random)

    def finish_epoch(self, record: Metrics, quality: float, shuffle: Tensor) -> None:
        """Record the epoch, keep its averaged weights if it is the best, and begin the next one."""
        if quality > self.best_quality:
            self.best_quality, self.best_epoch = quality, self.epoch
            with self.average.applied():
                self.best_weights = _copy_weights(self.model)
        self.history.append(record)
        self.epoch, self.step, self.loss, self.shuffle = self.epoch + 1, 0, 0.0, shuffle

    def restore_best_weights(self) -> None:
        """Give the model the averaged weights of the best epoch."""
        _copy_into(self.model.parameters(), self.best_weights)


# Fields whose values need no conversion; the others have a state of their own.
_SIMPLE_FIELDS = tuple(
    f.name
    for f in fields(TrainingState)
    if f.name not in ("model", "average", "optimizer", "fused_states")
)


def _generators(model: nn.Module) -> list[torch.Generator]:
    """The generators that dropout may draw from: the CPU's, and on a GPU its own."""
    device = next(model.parameters()).device
    gpu = [torch.cuda.default_generators[device.index]] if device.type == "cuda" else []
    return [torch.default_generator, *gpu]


def _copy_weights(model: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in model.parameters()]


@torch.no_grad()
def _copy_into(targets: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)
