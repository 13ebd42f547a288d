"""The best k of many rows, which come one after the other: a heap with the worst one on top.

A row is better than another if its score is higher, or equal with a lower row.

Shapes: k rows.
"""

from typing import Any

import numba
import numpy.typing as npt

from recsys.common.arrays import Ints

Scores = npt.NDArray[Any]


@numba.njit(nogil=True, cache=True)
def offer(scores: Scores, rows: Ints, size: int, score: float, row: int) -> int:
    """Take a row into the heap, in the place of the worst one if the heap is full.

    Args:
        scores, rows: the heap, in the first `size` places, [k]

    Returns:
        the new size
    """
    if size == len(rows):
        if _is_worse(scores[0], rows[0], score, row):
            _replace_worst(scores, rows, size, score, row)
        return size
    place = size
    while place > 0:
        parent = (place - 1) // 2
        if not _is_worse(score, row, scores[parent], rows[parent]):
            break
        scores[place], rows[place] = scores[parent], rows[parent]
        place = parent
    scores[place], rows[place] = score, row
    return size + 1


@numba.njit(nogil=True, cache=True)
def sort_best(scores: Scores, rows: Ints, size: int) -> None:
    """Turn the heap into a list, best first."""
    for last in range(size - 1, 0, -1):
        score, row = scores[last], rows[last]
        scores[last], rows[last] = scores[0], rows[0]
        _replace_worst(scores, rows, last, score, row)


@numba.njit(nogil=True, cache=True)
def _is_worse(score: float, row: int, other_score: float, other_row: int) -> bool:
    return score < other_score or (score == other_score and row > other_row)


@numba.njit(nogil=True, cache=True)
def _replace_worst(scores: Scores, rows: Ints, size: int, score: float, row: int) -> None:
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and _is_worse(
            scores[child + 1], rows[child + 1], scores[child], rows[child]
        ):
            child += 1
        if not _is_worse(scores[child], rows[child], score, row):
            break
        scores[place], rows[place] = scores[child], rows[child]
        place = child
    scores[place], rows[place] = score, row
