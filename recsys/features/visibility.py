"""Visible ratings: the ratings that another rating's features may be computed from.

Only this module decides which ratings are visible.

- If the split follows time (point in time), all ratings of an earlier second are visible. They may
  be in any part, because they existed when the rating was given.
- If the split is random (leave-one-out), the ratings of the training part are visible, except the
  rating itself.

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
        user, movie: rows of the users and movies tables, [N]
        stars: [N]
        label: 1 for a like, else 0, [N]
        seconds: time of the rating, in seconds since 1970, ascending, [N]
        part: position of the rating's part in `PARTS`, or -1 for no part, [N]
        past_only: True if the ratings of an earlier second are visible, False if the other ratings
            of the training part are.
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
        """Whether a row is in the training part, [N]."""
        mask: Mask = self.part == 0
        return mask

    @cached_property
    def by_user(self) -> "VisibleRatings":
        return VisibleRatings(self.user, self)

    @cached_property
    def by_movie(self) -> "VisibleRatings":
        return VisibleRatings(self.movie, self)


class VisibleRatings:
    """The ratings in a row's group (of its user, or of its movie) that are visible to the row.

    A row is never visible to itself. If only the past is visible, the other rows of the same second
    are not visible either, because a page of several ratings is submitted at once.

    Args:
        groups: the group of each row, from 0, [N]

    Attributes:
        order: the rows sorted by group, then time, [N]
        group_start: for each position in `order`, the first position of its group, [N]
        group_stop: for each position, the position after the last one of its group, [N]
        second_start: for each position, the first position of the same group and second, [N]
    """

    def __init__(self, groups: Ints, log: RatingLog) -> None:
        self.groups, self.log = groups, log
        self.order = np.argsort(groups, kind="stable")
        grouped, seconds = groups[self.order], log.seconds[self.order]
        places = np.arange(len(groups))
        new_group = np.append(True, grouped[1:] != grouped[:-1])
        new_second = new_group | np.append(True, seconds[1:] != seconds[:-1])
        self.group_start = np.maximum.accumulate(np.where(new_group, places, 0))
        self.group_stop = np.searchsorted(grouped, grouped, "right")
        self.second_start = np.maximum.accumulate(np.where(new_second, places, 0))

    def sum(self, values: Floats | Mask) -> Floats:
        """Sum `values` over the visible rows, [N]."""
        if self.log.past_only:
            return self._sum_between(values, self.group_start, self.second_start)
        weights = round_for_exact_sums(values * self.log.training)
        return np.bincount(self.groups, weights)[self.groups] - weights

    def sum_of_last(self, values: Floats | Mask, count: int) -> Floats:
        """Sum `values` over the last `count` visible rows, [N]; needs `past_only`."""
        assert self.log.past_only
        return self._sum_between(
            values, np.maximum(self.group_start, self.second_start - count), self.second_start
        )

    def sum_within(self, values: Floats, window: int) -> Floats:
        """Sum `values` over the visible rows at most `window` seconds away, [N].

        This is for a random split: `past_only` must be False.
        """
        assert not self.log.past_only
        seconds = self.log.seconds[self.order]
        # A key that ascends over all groups. Keys of different groups differ by more than `window`.
        span = int(seconds.max()) - int(seconds.min()) + window + 1
        key = self.groups[self.order].astype(np.int64) * span + (seconds - seconds.min())
        start = np.searchsorted(key, key - window, "left")
        end = np.searchsorted(key, key + window, "right")
        weights = values * self.log.training
        return self._sum_between(weights, start, end) - round_for_exact_sums(weights)

    def stretches(self, entries: Mask, longest: int) -> tuple[Ints, Ints, Ints]:
        """For each position in `order`, find the visible entries of its group, at most `longest`.

        If only the past is visible, they are the last entries before the row's second. Otherwise
        they are the nearest entries in `order`, on both sides. A stretch that contains the row
        itself is one entry longer, so its length does not reveal whether the row is an entry.

        Args:
            entries: which positions in `order` are entries, [N]

        Returns:
            the start of each stretch, the number of entries in it, and the row's own entry or -1;
            start and own entry are positions among the entries, and each array is [N]
        """
        # The number of entries before each position, and in total.
        before = np.append(0, np.cumsum(entries))
        if self.log.past_only:
            end = before[self.second_start]
            begin = np.maximum(before[self.group_start], end - longest)
            own = np.full(len(entries), -1)
        else:
            places = np.arange(len(entries))
            first, last = before[self.group_start], before[self.group_stop]
            own = np.where(entries, before[places], -1)
            width = longest + entries
            begin = np.clip(before[places] - longest // 2, first, np.maximum(first, last - width))
            end = np.minimum(begin + width, last)
        return begin, end - begin, own

    def iterate_groups(self, wanted: Mask) -> Iterator[tuple[Ints, npt.NDArray[Any]]]:
        """Iterate over the groups that contain a wanted row.

        Args:
            wanted: which rows are wanted, [N]

        Yields:
            the rows of one group in the order of time, [n], and which of them are visible, [n]. If
            only the past is visible, the rows end with the last wanted one, and the second array
            says how many of the first rows are visible to each row. Otherwise the second array is
            True for each row that is visible to all others.
        """
        for start in np.unique(self.group_start):
            place = slice(start, self.group_stop[start])
            rows = self.order[place]
            wanted_places = np.flatnonzero(wanted[rows])
            if not len(wanted_places):
                continue
            if self.log.past_only:
                count = wanted_places[-1] + 1
                yield rows[:count], (self.second_start[place] - start)[:count]
            else:
                yield rows, self.log.training[rows]

    def _sum_between(self, values: Floats | Mask, start: Ints, end: Ints) -> Floats:
        """For each row, sum `values` from position `start` up to but not including `end`, [N]."""
        sums = np.append(0.0, np.cumsum(round_for_exact_sums(values)[self.order]))
        result = np.empty(len(values))
        result[self.order] = sums[end] - sums[start]
        return result


def round_for_exact_sums(values: Floats | Mask) -> Floats:
    """Round values to multiples of 2**-20, so that sums up to 2**33 have no rounding error.

    A running sum carries the rounding errors of all rows before it, even those of other users.
    Without this rounding, a label would change the last digit of features that it must not affect.
    """
    rounded: Floats = np.rint(values * 2.0**20) / 2.0**20
    return rounded
