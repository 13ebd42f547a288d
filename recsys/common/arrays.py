"""The types of NumPy arrays in signatures, and ranges of their rows.

Every exported artifact holds a copy of this file, so it imports NumPy alone.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def concatenate_ranges(starts: Ints, lengths: Ints) -> Ints:
    """The integers from each start on, end to end.

    Args:
        starts, lengths: the first integer of each range, and how many it has, [B]
    """
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())
