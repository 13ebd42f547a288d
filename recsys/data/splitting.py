"""The part of each rating of a partition: training, validation or test.

A partition has all ratings of some users, each user's in the order of time.

Shapes: N ratings, U users, M movies.
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
from recsys.storage.schemas import NO_PART, PARTS

# For each rating, the position of its part in `PARTS`, or `NO_PART`.
Assignment = npt.NDArray[np.int8]


class Pairs(NamedTuple):
    """The user, the movie and the time of each rating of a partition of users.

    Attributes:
        user, movie: rows of the users and movies tables, [N]
        seconds: since 1970; those of a user ascend, [N]
        raw_ids: the published ids, integers or texts: of a stretch of the users, [U], and of all
            movies, [M]
        first_user: the row of the first of these users.
    """

    user: Ints
    movie: Ints
    seconds: Ints
    raw_ids: Mapping[str, npt.NDArray[Any]]
    first_user: int = 0

    def keys(self, salt: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """The keys of the user and of the movie of each rating, [N] each; see `pair_hash`."""
        users, movies = (hash_ids(self.raw_ids[t], f"{salt} {t}") for t in ("users", "movies"))
        return users[self.user - self.first_user], movies[self.movie]


def assign_parts(pairs: Pairs, params: SplitParams, cuts: Ints) -> Assignment:
    """Choose the part of each rating, [N]

    Args:
        cuts: from `find_cuts`; of no effect if the method is not chronological.
    """
    assignment = np.full(len(pairs.user), NO_PART, np.int8)
    rows = eligible_rows(pairs.user, params.min_history)
    if params.method == "leave_last":
        assignment[rows] = leave_last(pairs.user[rows])
    elif params.method == "chronological":
        assignment[rows] = np.searchsorted(cuts, pairs.seconds[rows], side="right")
    else:
        assignment[rows] = split_by_pair(pairs, rows, params)
    return assignment


def require_sizes(sizes: Ints, params: SplitParams) -> None:
    """Check that no part is empty.

    Args:
        sizes: the number of ratings of each part.

    Raises:
        InputError: a part is empty.
    """
    for size, name in zip(sizes, PARTS, strict=True):
        if not size:
            raise InputError(
                f"split.{name}: none of {sum(sizes):,} ratings is in this part; raise it, or lower "
                f"split.min_history (now {params.min_history})"
            )


def require_times(start: int, end: int, params: SplitParams) -> None:
    """Check that a split by time has times to follow.

    Args:
        start, end: the first and the last time.

    Raises:
        InputError: all ratings have the same time.
    """
    if params.follows_time and start == end:
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
    places = to_fractions(hash_pairs(users[rows], movies[rows]))
    return np.searchsorted(ends, places, side="right").astype(np.int8)


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
