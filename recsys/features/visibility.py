"""Visible ratings: the ratings that another rating's features may be computed from.

Only this module decides which ratings are visible.

- If the split follows time (point in time), all ratings of an earlier second are visible. They may
  be in any part, because they existed when the rating was given.
- If the split is random (leave-one-out), the ratings of the training part are visible, except the
  rating itself.

A row may also be a query: a user, a movie and a time to compute features for. A query sees what a
rating in its place would see, and no row sees a query. So one code computes the features of a whole
log and the features of any other pair.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: N rows, B target rows, E entries.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask

# The parts of a log's rows that are in none of `schemas.PARTS`.
TRAINING, NO_PART, QUERY = 0, -1, -2


@dataclass(frozen=True)
class RatingLog:
    """Ratings, and perhaps queries, by column; those of each user are in the order of time.

    Attributes:
        user, movie: rows of the users and movies tables, [N]
        stars: [N]
        label: 1 for a like, else 0, [N]
        seconds: time of the rating, in seconds since 1970, [N]
        part: position of the rating's part in `PARTS`, or `NO_PART`, or `QUERY`, [N]
        past_only: True if the ratings of an earlier second are visible, False if the other ratings
            of the training part are.
        targets: the rows to compute features of, [B]; all rows if they are not given
    """

    user: Ints
    movie: Ints
    stars: Floats
    label: Ints
    seconds: Ints
    part: Ints
    past_only: bool
    targets: Ints | slice = field(default_factory=lambda: slice(None))

    @cached_property
    def training(self) -> Mask:
        """Whether a row is in the training part, [N]."""
        return self.part == TRAINING

    @cached_property
    def is_context(self) -> Mask:
        """Whether a row is visible to any other row, [N]."""
        return self.part != QUERY if self.past_only else self.training

    @cached_property
    def by_user(self) -> "VisibleRatings":
        return VisibleRatings(self.user, self)


class VisibleRatings:
    """The visible ratings in the group of a target, such as its user.

    A row is never visible to itself. If only the past is visible, the other rows of the same second
    are not visible either, because a page of several ratings is submitted at once.

    Args:
        groups: the group of each row, [N]; the rows of a group must be in the order of time

    Attributes:
        order: the rows sorted by group, then time, [N]
        place: the position of each target in `order`, [B]
        group_start, group_stop: the first position of its group, and the last plus 1, [B]
        second_start: the first position of its group and second, [B]
    """

    def __init__(self, groups: Ints, log: RatingLog) -> None:
        # Sums have an element for each group from the first one on.
        self.groups = groups - groups.min() if len(groups) else groups
        self.log = log
        self.order = smallest(np.argsort(groups, kind="stable"))
        places = np.empty_like(self.order)
        places[self.order] = np.arange(len(places))
        self.place: Ints = places[log.targets]
        grouped, seconds = groups[self.order], log.seconds[self.order]
        new_group = np.append(True, grouped[1:] != grouped[:-1])
        new_second = new_group | np.append(True, seconds[1:] != seconds[:-1])
        self.group_start, self.group_stop = find_stretches(new_group, self.place)
        self.second_start, _ = find_stretches(new_second, self.place)

    def sum(self, values: Floats | Mask) -> Floats:
        """Sum `values`, [N], over the visible rows, [B]."""
        weights = round_for_exact_sums(values * self.log.is_context)
        if self.log.past_only:
            return self._sum_between(weights, self.group_start, self.second_start)
        targets = self.log.targets
        totals = np.bincount(self.groups, weights)
        return totals[self.groups[targets]] - weights[targets]

    def find_window(self, window: int) -> tuple[Ints, Ints]:
        """The first position in `order`, and the last plus 1, at most `window` seconds away, [B].

        Only positions of the target's group count.
        """
        seconds = self.log.seconds[self.order]
        # A key that ascends over all groups. Keys of different groups differ by more than `window`.
        span = int(seconds.max()) - int(seconds.min()) + window + 1
        key = self.groups[self.order].astype(np.int64) * span + (seconds - seconds.min())
        # Searching for all rows in their order is faster than for some of them in another.
        start, end = np.searchsorted(key, key - window), np.searchsorted(key, key + window, "right")
        return start[self.place], end[self.place]

    def sum_within(self, values: Floats, window: tuple[Ints, Ints]) -> Floats:
        """Sum `values`, [N], over the visible rows in a window, [B].

        This is for a random split: `past_only` must be False.

        Args:
            window: from `find_window`.
        """
        assert not self.log.past_only
        weights = round_for_exact_sums(values * self.log.is_context)
        return self._sum_between(weights, *window) - weights[self.log.targets]

    def stretches(self, entries: Mask, longest: int) -> tuple[Ints, Ints, Ints]:
        """For each target, find the visible entries of its group, at most `longest`.

        If only the past is visible, they are the last entries before the row's second. Otherwise
        they are the nearest entries in `order`, on both sides. A stretch that contains the row
        itself is one entry longer, so all context rows of a group see the same number of entries.

        Args:
            entries: which positions in `order` are entries, [N]

        Returns:
            the start of each stretch, the number of entries in it, and the target's own entry or
            -1; start and own entry are positions among the entries, and each array is [B]
        """
        before = count_before(entries)
        if self.log.past_only:
            end = before[self.second_start]
            begin = np.maximum(before[self.group_start], end - longest)
            own = np.full(len(end), -1)
        else:
            here, is_entry = before[self.place], entries[self.place]
            first, last = before[self.group_start], before[self.group_stop]
            own = np.where(is_entry, here, -1)
            # A user's rows with the one label lack themselves. So those with the other label lack
            # an entry, too: else the number of entries would tell the label.
            is_other = self.log.is_context[self.log.targets] & ~is_entry
            width = np.where(is_other, np.minimum(longest, last - first - 1), longest + is_entry)
            width = np.maximum(width, 0)
            begin = np.clip(here - longest // 2, first, np.maximum(first, last - width))
            end = np.minimum(begin + width, last)
        return begin, end - begin, own

    def _sum_between(self, weights: Floats, start: Ints, end: Ints) -> Floats:
        """Sum `weights`, [N], from position `start` up to but not including `end`, [B]."""
        sums: Floats = np.append(0.0, np.cumsum(weights[self.order]))
        return sums[end] - sums[start]


def find_stretches(new: Mask, places: Ints) -> tuple[Ints, Ints]:
    """The first position of the stretch at each place, and its last plus 1, each [B].

    Args:
        new: whether a stretch begins at a position, [N]
    """
    starts = smallest(np.append(np.flatnonzero(new), len(new)))
    number = (np.cumsum(new) - 1)[places]
    return starts[number], starts[number + 1]


def count_before(entries: Mask) -> Ints:
    """The number of entries before each position, and in total, [N + 1]."""
    return smallest(np.append(0, np.cumsum(entries)))


def smallest(positions: Ints) -> Ints:
    """Positions as 32-bit integers, which take half of the memory, where these are enough."""
    return positions.astype(np.int32) if len(positions) < 2**31 else positions


def round_for_exact_sums(values: Floats | Mask) -> Floats:
    """Round values to multiples of 2**-20, so that sums up to 2**33 have no rounding error.

    A running sum carries the rounding errors of all rows before it, even of other users' rows.
    Without this rounding, a label would change the last digit of features that it must not affect.
    """
    return np.rint(values * 2.0**20) / 2.0**20
