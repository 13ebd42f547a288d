"""Sums over the ratings that a movie had at any time.

Shapes: R ratings, B queries.
"""

from collections.abc import Iterable

import numpy as np

from recsys.common.arrays import Floats, Ints
from recsys.features.visibility import round_for_exact_sums


class MovieIndex:
    """Ratings sorted by movie, then time, with running sums.

    Args:
        movie, seconds: [R]
        values: what is summed, [R] each
    """

    def __init__(self, movie: Ints, seconds: Ints, values: Iterable[Floats]) -> None:
        self._first, last = int(seconds.min()), int(seconds.max())
        # A key that ascends over all movies.
        self._span = last - self._first + 2
        keys = self._keys(movie, seconds)
        order = np.argsort(keys, kind="stable")
        self._sorted = keys[order]
        self._sums = [np.append(0.0, np.cumsum(round_for_exact_sums(v)[order])) for v in values]

    def before(self, movie: Ints, seconds: Ints) -> list[Floats]:
        """Sums over the ratings of movies in earlier seconds, [B] each; movie, seconds: [B]"""
        start = np.searchsorted(self._sorted, movie.astype(np.int64) * self._span)
        end = np.searchsorted(self._sorted, self._keys(movie, seconds))
        return [sums[end] - sums[start] for sums in self._sums]

    def _keys(self, movie: Ints, seconds: Ints) -> Ints:
        within = np.clip(seconds - self._first, 0, self._span - 1)
        return movie.astype(np.int64) * self._span + within
