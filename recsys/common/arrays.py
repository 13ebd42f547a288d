"""The types of NumPy arrays in signatures, ranges of their rows, and their best columns.

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


def find_best(scores: Singles, count: int) -> Ints:
    """The columns of the highest scores, highest first; equal ones in the order of columns.

    Args:
        scores: [B, columns]

    Returns:
        [B, count]
    """
    if count < scores.shape[1]:
        some = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        least = np.take_along_axis(scores, some[:, -1:], axis=1)
        # Of equal scores at the cut, argpartition takes any.
        for row in np.flatnonzero(np.count_nonzero(scores >= least, axis=1) > count):
            above = np.flatnonzero(scores[row] > least[row])
            equal = np.flatnonzero(scores[row] == least[row])
            some[row] = np.append(above, equal)[:count]
        some.sort(axis=1)
    else:
        some = np.tile(np.arange(scores.shape[1]), (len(scores), 1))
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1).astype(np.int64)
