"""The exponential moving average of a model's weights."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class ExponentialMovingAverage:
    """Averages weights over about the last `window` steps, or over all steps while there are fewer.

    Args:
        weights: the tensors to average; the optimizer changes them in place.
        window: in steps. With 0, the averages are the weights of the last step.

    Attributes:
        values: the averages, in the order of the weights.
        steps: how many steps the averages cover.
    """

    def __init__(self, weights: Sequence[Tensor], window: float) -> None:
        self.weights = weights
        self.values = [weight.detach().clone() for weight in weights]
        self.decay = math.exp(-1 / window) if window else 0.0
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Add the current weights to the averages."""
        # Adam's bias correction. Without it, the random first weights would linger.
        newest = (1 - self.decay) / (1 - self.decay ** (self.steps + 1))
        for average, weight in zip(self.values, self.weights, strict=True):
            average.lerp_(weight, newest)
        self.steps += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Swap the weights and their averages, and swap them back at the end of the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for average, weight in zip(self.values, self.weights, strict=True):
            held = weight.detach().clone()
            weight.copy_(average)
            average.copy_(held)
