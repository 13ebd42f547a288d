"""The scale of stars on which the users of a release rate."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RatingScale:
    """Ratings from `lowest` to `highest` stars in steps of `step`."""

    lowest: float
    highest: float
    step: float

    def normalise(self, stars: Floats) -> Floats:
        """Map stars to [0, 1]."""
        return ((stars - self.lowest) / (self.highest - self.lowest)).astype(np.float32)

    def denormalise(self, norm: Floats) -> Floats:
        """Map [0, 1] back to stars."""
        return (self.lowest + norm * (self.highest - self.lowest)).astype(np.float32)

    def __str__(self) -> str:
        return f"{self.lowest:g} to {self.highest:g} stars by {self.step:g}"


WHOLE_STARS = RatingScale(1, 5, 1)
HALF_STARS = RatingScale(0.5, 5, 0.5)
