"""The part of each rating: training, validation or test.

Shapes: N ratings in the order of time, U users, M movies.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.common.arrays import Ints
from recsys.common.errors import InputError
from recsys.common.pair_hash import hash_ids, hash_pairs, to_fractions
from recsys.data.params import SplitParams
from recsys.storage.parquet import ROWS_AT_ONCE
from recsys.storage.schemas import NO_PART, PARTS

# For each rating, the position of its part in `PARTS`, or `NO_PART`.
Assignment = npt.NDArray[np.int8]


class Pairs(NamedTuple):
    """The user, the movie and the time of each rating.

    Attributes:
        user, movie: rows of the users and movies tables, [N]
        seconds: since 1970, ascending, [N]
        raw_ids: the published ids, integers or texts, of the users and movies tables, [U] and [M]
    """

    user: Ints
    movie: Ints
    seconds: Ints
    raw_ids: Mapping[str, npt.NDArray[Any]]

    def keys(self, salt: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The keys of the users and of the movies, [U] and [M]; see `pair_hash`."""
        users, movies = (hash_ids(self.raw_ids[t], f"{salt} {t}") for t in ("users", "movies"))
        return users, movies


def assign_parts(pairs: Pairs, params: SplitParams) -> Assignment:
    """Choose the part of each rating, [N]

    Raises:
        InputError: a part would be empty.
    """
    assignment = np.full(len(pairs.user), NO_PART, np.int8)
    rows = eligible_rows(pairs.user, params.min_history)
    if len(rows):
        if params.method == "leave_last":
            assignment[rows] = leave_last(pairs.user[rows])
        elif params.method == "chronological":
            assignment[rows] = split_by_time(pairs.seconds[rows], params.fractions)
        else:
            assignment[rows] = split_by_pair(pairs, rows, params)
    for part, name in enumerate(PARTS):
        if not (assignment == part).any():
            raise InputError(
                f"split.{name}: none of {len(rows):,} ratings is in this part; raise it, or lower "
                f"split.min_history (now {params.min_history})"
            )
    return assignment


def require_times(seconds: Ints, params: SplitParams) -> None:
    """Check that a split by time has times to follow.

    Args:
        seconds: the time of each rating, [N]

    Raises:
        InputError: all ratings have the same time.
    """
    if params.follows_time and len(seconds) and seconds.min() == seconds.max():
        raise InputError(
            f"split.method = {params.method}: all ratings have the same time, so there is no past "
            "and no future; set split.method to random, or give the times of the ratings"
        )


def eligible_rows(users: Ints, min_history: int) -> Ints:
    """The rows whose user has at least `min_history` earlier rows."""
    if not min_history:
        return np.arange(len(users))
    before, _ = count_neighbours(users)
    return np.flatnonzero(before >= min_history)


def split_by_pair(pairs: Pairs, rows: Ints, params: SplitParams) -> Assignment:
    """Draw the part of some rows by a hash of the seed and the raw ids of user and movie.

    A part depends on the pair alone: in tomorrow's data set, today's ratings keep their parts. The
    sizes of the parts are the fractions, but for their sampling error.
    """
    ends = np.cumsum(params.fractions)[:-1]
    users, movies = pairs.keys(f"{params.seed}")
    parts = np.empty(len(rows), np.int8)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        piece = slice(start, start + ROWS_AT_ONCE)
        keys = hash_pairs(users[pairs.user[rows[piece]]], movies[pairs.movie[rows[piece]]])
        parts[piece] = np.searchsorted(ends, to_fractions(keys), side="right")
    return parts


def split_by_time(seconds: Ints, fractions: tuple[float, ...]) -> Assignment:
    """Cut the ratings between two seconds, so that all ratings of one second are in one part.

    A part begins with the second of the rating at which its fraction begins, so it may be larger
    by a few ratings of that second.

    Args:
        seconds: the time of each rating, ascending, [N]
    """
    starts = np.rint(np.cumsum(fractions)[:-1] * len(seconds)).astype(int)
    first_seconds = seconds[np.minimum(starts, len(seconds) - 1)]
    return np.searchsorted(first_seconds, seconds, side="right").astype(np.int8)


def leave_last(users: Ints) -> Assignment:
    """Put each user's last row in the test part, and the row before it in the validation part.

    All other rows are in the training part, and so are all rows of a user with fewer than three.
    """
    before, after = count_neighbours(users)
    return np.where(before + after < 2, 0, np.maximum(2 - after, 0)).astype(np.int8)


def count_neighbours(users: Ints) -> tuple[Ints, Ints]:
    """The number of the same user's rows before each row, and the number behind it, [N] each.

    Args:
        users: the user of each rating, in the order of time, [N]
    """
    rows = pd.Series(users).groupby(users)
    return rows.cumcount().to_numpy(), rows.cumcount(ascending=False).to_numpy()


def count_training(rows: Ints, assignment: Assignment, size: int) -> npt.NDArray[np.int32]:
    """Count the training ratings of each user, or of each movie, [size].

    Args:
        rows: the user or the movie of each rating, [N]
    """
    return np.bincount(rows[assignment == 0], minlength=size).astype(np.int32)
