"""Which ratings are visible to a rating: those that its features may be computed from.

This module alone decides it. Where the split follows time, the ratings of an earlier second are
visible, be they of the training part or not: they had been given when the rating was. Where it is
random, the ratings of the training part are visible, without the rating itself (leave-one-out).

Shapes: N ratings, n ratings of one group.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.signedinteger]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RatingLog:
    """All ratings in the order of time, by column.

    Attributes:
        user, movie: rows of the dimension tables, [N]
        stars: [N]
        label: 1 for a like, [N]
        seconds: since 1970, ascending, [N]
        part: position in `PARTS`, -1 for none, [N]
        past_only: whether the ratings of an earlier second are visible, else the others of the
            training part.
    """

    user: Ints
    movie: Ints
    stars: Floats
    label: Ints
    seconds: Ints
    part: Ints
    past_only: bool

    @cached_property
    def training(self) -> Mask:
        """Rows that parameters may be learnt from, [N]."""
        mask: Mask = self.part == 0
        return mask

    @cached_property
    def by_user(self) -> "Visible":
        return Visible(self.user, self)

    @cached_property
    def by_movie(self) -> "Visible":
        return Visible(self.movie, self)


class Visible:
    """Of the ratings in a row's group, those that are visible to the row.

    A row never sees itself. Where only the past is visible it sees no other row of its second
    either: several ratings of one page were sent at once.

    Args:
        groups: of each row, from 0, [N]

    Attributes:
        order: the rows sorted by group, then time, [N]
        start, stop: of each position of the order, where its group starts and ends, [N]
        second: of each position of the order, the first of the same group and second, [N]
    """

    def __init__(self, groups: Ints, log: RatingLog) -> None:
        self.groups, self.log = groups, log
        self.order = np.argsort(groups, kind="stable")
        grouped, seconds = groups[self.order], log.seconds[self.order]
        places = np.arange(len(groups))
        new_group = np.append(True, grouped[1:] != grouped[:-1])
        new_second = new_group | np.append(True, seconds[1:] != seconds[:-1])
        self.start = np.maximum.accumulate(np.where(new_group, places, 0))
        self.stop = np.searchsorted(grouped, grouped, "right")
        self.second = np.maximum.accumulate(np.where(new_second, places, 0))

    def sum(self, values: Floats | Mask) -> Floats:
        """Sum of `values` over the visible rows, [N]."""
        if self.log.past_only:
            return self._between(values, self.start, self.second)
        weights = exact(values * self.log.training)
        return np.bincount(self.groups, weights)[self.groups] - weights

    def sum_of_last(self, values: Floats | Mask, count: int) -> Floats:
        """Sum over the last `count` visible rows, [N], where only the past is visible."""
        assert self.log.past_only
        return self._between(values, np.maximum(self.start, self.second - count), self.second)

    def sum_within(self, values: Floats, window: int) -> Floats:
        """Sum over the visible rows at most `window` seconds away, [N], on a random split."""
        assert not self.log.past_only
        seconds = self.log.seconds[self.order]
        # Ascending over all groups: each has a stretch of its own.
        span = int(seconds.max()) - int(seconds.min()) + window + 1
        key = self.groups[self.order].astype(np.int64) * span + (seconds - seconds.min())
        start = np.searchsorted(key, key - window, "left")
        end = np.searchsorted(key, key + window, "right")
        weights = values * self.log.training
        return self._between(weights, start, end) - exact(weights)

    def stretches(self, entries: Mask, longest: int) -> tuple[Ints, Ints, Ints]:
        """For each position of the order the visible entries of its group, at most `longest`.

        Where only the past is visible, the last ones. Else the nearest of the training part in
        the group's order, on both sides; a stretch with the row itself in it is one longer, so
        that its length does not tell whether the row is an entry.

        Args:
            entries: which positions of the order are entries, [N]

        Returns:
            where the stretch starts among the entries, its length, and the place in it that is the
            row's own, or -1; each [N]
        """
        # Entries before each position of the order, and before its end.
        before = np.append(0, np.cumsum(entries))
        if self.log.past_only:
            end = before[self.second]
            begin = np.maximum(before[self.start], end - longest)
            own = np.full(len(entries), -1)
        else:
            places = np.arange(len(entries))
            first, last = before[self.start], before[self.stop]
            own = np.where(entries, before[places], -1)
            width = longest + entries
            begin = np.clip(before[places] - longest // 2, first, np.maximum(first, last - width))
            end = np.minimum(begin + width, last)
        return begin, end - begin, own

    def each(self, wanted: Mask) -> Iterator[tuple[Ints, npt.NDArray[Any]]]:
        """The rows of each group with a wanted row, in the order of time, and what is visible.

        Args:
            wanted: [N]

        Yields:
            rows, [n], up to the last wanted one where only the past is visible; and either how
            many of the first rows are visible to each (past only), or which rows are visible to
            all others, [n]
        """
        for start in np.unique(self.start):
            place = slice(start, self.stop[start])
            rows = self.order[place]
            wanted_places = np.flatnonzero(wanted[rows])
            if not len(wanted_places):
                continue
            if self.log.past_only:
                count = wanted_places[-1] + 1
                yield rows[:count], (self.second[place] - start)[:count]
            else:
                yield rows, self.log.training[rows]

    def _between(self, values: Floats | Mask, start: Ints, end: Ints) -> Floats:
        """Sums over the positions from `start` to before `end`, for the row at each, [N]."""
        sums = np.append(0.0, np.cumsum(exact(values)[self.order]))
        result = np.empty(len(values))
        result[self.order] = sums[end] - sums[start]
        return result


def exact(values: Floats | Mask) -> Floats:
    """Values rounded so that sums of up to 2**33 have no rounding error.

    A running sum carries the rounding errors of all rows before, of other users too. Without this
    a label would change the last digit of a feature that must not depend on it.
    """
    rounded: Floats = np.rint(values * 2.0**20) / 2.0**20
    return rounded
