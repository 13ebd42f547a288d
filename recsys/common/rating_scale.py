"""The scale of stars on which the users of a data set rate."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from recsys.common.arrays import Floats, Mask, Singles

EPSILON = float(np.finfo(np.float32).eps)
# A scale of more steps is divided into this many parts.
MAX_PARTS = 10


@dataclass(frozen=True)
class RatingScale:
    """Ratings from `lowest` to `highest` stars in steps of `step`; None for any number between.

    Ratings are compared by their steps. A decimal such as 3.3 is another number in 32 bits than in
    64, but the same step.
    """

    lowest: float
    highest: float
    step: float | None

    @property
    def rounding(self) -> float:
        """The largest rounding error of ratings in 32 bits, in steps; 0 without a step."""
        largest = max(abs(self.lowest), abs(self.highest))
        return 1.5 * EPSILON * largest / self.step if self.step else 0.0

    @np.errstate(over="ignore", invalid="ignore")
    def to_steps(self, stars: npt.ArrayLike) -> Floats:
        """The number of steps from `lowest` to each rating, [N].

        It is whole for a rating on a step, whichever way its last digits were rounded. Without a
        step, it is the rating itself, rounded to 32 bits.
        """
        rounded = np.asarray(stars, np.float32).astype(np.float64)
        if self.step is None:
            return rounded
        steps = (rounded - self.lowest) / self.step
        whole = np.rint(steps)
        return np.where(np.abs(steps - whole) <= self.rounding, whole, steps)

    def has(self, stars: npt.ArrayLike) -> Mask:
        """Whether each number is on the scale, [N]."""
        steps = self.to_steps(stars)
        first, last = self.to_steps([self.lowest, self.highest])
        on_step = steps == np.rint(steps) if self.step else True
        return np.asarray((first <= steps) & (steps <= last) & on_step)

    def cut_above(self, threshold: float) -> float:
        """A number that lies between `threshold` and the next greater rating.

        `stars > cut_above(threshold)` holds for the ratings above the threshold, for numbers of 32
        and of 64 bits.
        """
        if self.step:
            return self.lowest + (float(np.floor(self.to_steps(threshold))) + 0.5) * self.step
        below = np.float32(threshold)
        # A quarter of the way to the next number of 32 bits, so that 32 bits round it to `below`.
        return float(below) + float(np.nextafter(below, np.float32(np.inf)) - below) / 4

    def thresholds(self, label_cut: float) -> tuple[float, ...]:
        """Numbers between two ratings, ascending: one for each step, or a few on a fine scale.

        Args:
            label_cut: from `cut_above`; one of the thresholds.
        """
        width = self.highest - self.lowest
        steps = int(np.floor(self.to_steps(self.highest))) if self.step else MAX_PARTS + 1
        # The first part of a fine scale has more ratings than the lowest alone.
        places = range(steps) if steps <= MAX_PARTS else range(1, MAX_PARTS)
        cuts = (self.cut_above(self.lowest + width * p / min(steps, MAX_PARTS)) for p in places)
        return tuple(sorted({*cuts, label_cut}))

    def stars_between(self, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        """The middle of the ratings below, between and above some thresholds, [T + 1]."""
        edges = (self.lowest - (self.step or 0) / 2, *thresholds, self.cut_above(self.highest))
        # No rating is above a label's threshold that is the highest rating.
        return tuple(min((low + high) / 2, self.highest) for low, high in pairwise(edges))

    def normalise(self, stars: Singles) -> Singles:
        """Map stars to [0, 1]."""
        return ((stars - self.lowest) / (self.highest - self.lowest)).astype(np.float32)

    def __str__(self) -> str:
        steps = "" if self.step is None else f" by {self.step:g}"
        return f"{self.lowest:g} to {self.highest:g} stars{steps}"


WHOLE_STARS = RatingScale(1, 5, 1)
HALF_STARS = RatingScale(0.5, 5, 0.5)
