"""The scale of stars on which the users of a release rate."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RatingScale:
    """Ratings from `lowest` to `highest` stars in steps of `step`; None for any number between."""

    lowest: float
    highest: float
    step: float | None

    @np.errstate(over="ignore", invalid="ignore")
    def has(self, stars: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each number is on the scale."""
        # As files hold stars, and a scale that was found in them its ends.
        stars = np.asarray(stars, np.float32)
        on_scale = (stars >= np.float32(self.lowest)) & (stars <= np.float32(self.highest))
        if self.step is not None:
            steps = (stars - self.lowest) / self.step
            # A step such as 0.1 is no binary fraction.
            on_scale &= np.abs(steps - np.rint(steps)) < 1e-3
        return np.asarray(on_scale)

    def normalise(self, stars: Floats) -> Floats:
        """Map stars to [0, 1]."""
        return ((stars - self.lowest) / (self.highest - self.lowest)).astype(np.float32)

    def denormalise(self, norm: Floats) -> Floats:
        """Map [0, 1] back to stars."""
        return (self.lowest + norm * (self.highest - self.lowest)).astype(np.float32)

    def __str__(self) -> str:
        steps = "" if self.step is None else f" by {self.step:g}"
        return f"{self.lowest:g} to {self.highest:g} stars{steps}"


WHOLE_STARS = RatingScale(1, 5, 1)
HALF_STARS = RatingScale(0.5, 5, 0.5)
