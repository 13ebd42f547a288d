"""The seconds that cut a data set into parts by time, found in two passes over partitions.

The first pass counts ratings by day. The second one counts the seconds of the days with a cut. So
no process holds the times of all ratings.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Ints
from recsys.data.negatives import NEVER
from recsys.data.params import SplitParams
from recsys.data.split_files import Partitions
from recsys.data.splitting import eligible_rows, require_times
from recsys.engine.engine import Engine

SECONDS_PER_DAY = 86_400


class Times(NamedTuple):
    """The times of some ratings.

    Attributes:
        counts: the number of eligible ratings by day, or by second of some days.
        start, end: the first and the last second of all ratings.
    """

    counts: Counter[int]
    start: int
    end: int


@dataclass(frozen=True)
class Counting:
    """Counts the eligible ratings of a partition by their day, or by second on some days."""

    partitions: Partitions
    min_history: int
    days: tuple[int, ...] = ()

    def __call__(self, number: int) -> Times:
        rows = self.partitions.read(number)
        user, every = rows["user"].to_numpy(), rows["timestamp"].to_numpy()
        seconds = every[eligible_rows(user, self.min_history)]
        counts = count_seconds(seconds, self.days) if self.days else count_days(seconds)
        start, end = NEVER, -NEVER
        if len(every):
            start, end = int(every.min()), int(every.max())
        return Times(counts, start, end)


def count_days(seconds: Ints) -> Counter[int]:
    """The number of times of each day."""
    return _count(seconds // SECONDS_PER_DAY)


def count_seconds(seconds: Ints, days: tuple[int, ...]) -> Counter[int]:
    """The number of times of each second of some days."""
    return _count(seconds[np.isin(seconds // SECONDS_PER_DAY, days)])


def read_cuts(partitions: Partitions, params: SplitParams, engine: Engine) -> Ints:
    """The first second of each part but the first, or no cuts if the method has none.

    Raises:
        InputError: the method follows time, and all ratings have the same time.
    """
    if not params.follows_time:
        return np.zeros(0, np.int64)
    found = engine.map(Counting(partitions, params.min_history), partitions.numbers)
    require_times(min(t.start for t in found), max(t.end for t in found), params)
    if params.method != "chronological":
        return np.zeros(0, np.int64)

    def count(days: tuple[int, ...]) -> Counter[int]:
        counting = Counting(partitions, params.min_history, days)
        return add_up(times.counts for times in engine.map(counting, partitions.numbers))

    return find_cuts(params.fractions, add_up(times.counts for times in found), count)


def find_cuts(
    fractions: tuple[float, ...],
    days: Counter[int],
    count: Callable[[tuple[int, ...]], Counter[int]],
) -> Ints:
    """The first second of each part but the first.

    Cuts lie between two seconds, so that all ratings of one second are in one part. A part begins
    with the second of the rating at which its fraction begins, so it may be larger by a few ratings
    of that second.

    Args:
        fractions: the sizes of the parts.
        days: the number of ratings of each day.
        count: gives the number of ratings of each second of some days.
    """
    total = sum(days.values())
    if not total:
        return np.zeros(len(fractions) - 1, np.int64)
    places = np.minimum(np.rint(np.cumsum(fractions)[:-1] * total).astype(int), total - 1)
    found, before = _find(days, places)
    seconds = count(tuple(found.tolist()))
    cuts = []
    for day, rest in zip(found, places - before, strict=True):
        of_day = {s: n for s, n in seconds.items() if s // SECONDS_PER_DAY == day}
        cuts.append(_find(Counter(of_day), rest[None])[0][0])
    return np.array(cuts, np.int64)


def _find(counts: Counter[int], places: Ints) -> tuple[Ints, Ints]:
    """The value at some places of the sorted values, and the number of smaller ones."""
    values = np.array(sorted(counts))
    ends = np.cumsum([counts[value] for value in values.tolist()])
    found = np.searchsorted(ends, places, side="right")
    return values[found], np.append(0, ends)[found]


def _count(values: Ints) -> Counter[int]:
    different, counts = np.unique(values, return_counts=True)
    return Counter(dict(zip(different.tolist(), counts.tolist(), strict=True)))


def add_up(counters: Iterable[Counter[int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for counter in counters:
        total.update(counter)
    return total
