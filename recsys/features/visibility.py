"""All ratings in the order of time, and of which others each of them may know.

Shapes: N ratings.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.data.params import SplitParams
from recsys.data.splitting import assign_parts
from recsys.storage import schemas
from recsys.storage.parquet import read_column

Ints = npt.NDArray[np.signedinteger]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# What a model was trained on counts for its prediction; so do, where the split follows time, the
# ratings that were given before, be they of the test part.
CAUSAL = ("chronological", "leave_last")


@dataclass(frozen=True)
class Facts:
    """The ratings, by column.

    Attributes:
        user, movie: rows of the tables, [N]
        stars: [N]
        label: 1 for a like, [N]
        seconds: since 1970, ascending, [N]
        part: position in `PARTS`, or `NO_PART`, [N]
        causal: a rating knows those with a strictly earlier second; else those of the training
            part other than itself.
    """

    user: Ints
    movie: Ints
    stars: Floats
    label: Ints
    seconds: Ints
    part: Ints
    causal: bool

    @cached_property
    def training(self) -> Mask:
        """Rows that parameters may be learnt from, [N]."""
        mask: Mask = self.part == 0
        return mask

    @cached_property
    def by_user(self) -> "Known":
        return Known(self.user, self)

    @cached_property
    def by_movie(self) -> "Known":
        return Known(self.movie, self)


class Known:
    """Of the ratings in a row's group, those that the row may know.

    A row never knows itself, nor another of the same second where the facts are causal: several
    ratings of a page were sent at once.

    Args:
        groups: of each row, from 0, [N]
    """

    def __init__(self, groups: Ints, facts: Facts) -> None:
        self.groups, self.causal, self.training = groups, facts.causal, facts.training
        # Positions in an order by group, then time; of its group's start, of the first row of
        # its second.
        self.order = np.argsort(groups, kind="stable")
        grouped, seconds = groups[self.order], facts.seconds[self.order]
        places = np.arange(len(groups))
        new_group = np.append(True, grouped[1:] != grouped[:-1])
        new_second = new_group | np.append(True, seconds[1:] != seconds[:-1])
        self.start = np.maximum.accumulate(np.where(new_group, places, 0))
        self.end = np.maximum.accumulate(np.where(new_second, places, 0))

    def sum(self, values: Floats | Mask) -> Floats:
        """Sum of `values` over the known rows, [N]."""
        if self.causal:
            return self.between(values, self.start, self.end)
        weights = exact(values * self.training)
        return np.bincount(self.groups, weights)[self.groups] - weights

    def sum_of_last(self, values: Floats | Mask, count: int) -> Floats:
        """Sum over the last `count` known rows, [N]; of causal facts only."""
        assert self.causal
        return self.between(values, np.maximum(self.start, self.end - count), self.end)

    def between(self, values: Floats | Mask, start: Ints, end: Ints) -> Floats:
        """Sums over the positions from `start` to before `end`, for the row at each, [N]."""
        sums = np.append(0.0, np.cumsum(exact(values)[self.order]))
        result = np.empty(len(values))
        result[self.order] = sums[end] - sums[start]
        return result


def exact(values: Floats | Mask) -> Floats:
    """Rounded so that sums of up to 2**33 have no rounding error.

    A running sum carries the errors of all rows before, of other users too: a label would change
    the last digit of what must not know it.
    """
    rounded: Floats = np.rint(values * 2.0**20) / 2.0**20
    return rounded


def read_facts(ratings: Path, params: SplitParams) -> Facts:
    """The file of `schemas.RATINGS` and what the split makes of it. Raises: as `assign_parts`."""
    columns: dict[str, Any] = {
        name: read_column(ratings, schemas.RATINGS, name) for name in schemas.RATINGS.names
    }
    return Facts(
        user=columns["userid"] - 1,
        movie=columns["movieid"] - 1,
        stars=columns["rating"].astype(np.float64),
        label=columns["label"],
        seconds=columns["timestamp"],
        part=assign_parts(ratings, params),
        causal=params.method in CAUSAL,
    )
