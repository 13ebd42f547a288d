"""A moving average of weights, beside them."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """Exponential, over about `window` steps; before there are so many, over all of them.

    Attributes:
        values: the averages, in the order of the weights.
        steps: how many were averaged.
    """

    def __init__(self, weights: Sequence[Tensor], window: float) -> None:
        self.weights = weights
        self.values = [weight.detach().clone() for weight in weights]
        self.decay = math.exp(-1 / window) if window else 0.0
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        # Adam's bias correction: the first weights, drawn at random, must not linger.
        share = (1 - self.decay) / (1 - self.decay ** (self.steps + 1))
        for average, weight in zip(self.values, self.weights, strict=True):
            average.lerp_(weight, share)
        self.steps += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The averages are the weights, and the weights the averages."""
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
