"""The people of the test part: what they rated before, and what they then interacted with.

Shapes: B people, M movies.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse

from recsys.common.arrays import Floats, Ints
from recsys.common.errors import InputError
from recsys.retrieval.histories import UserHistories
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_column
from recsys.storage.schemas import PARTS


class People(NamedTuple):
    """The users with a relevant movie in the test part.

    Attributes:
        users: rows of the users table, ascending, [B]
        histories: what each user interacted with before, of B people
        relevant: 1 for each relevant movie of the test part, [B, M]
        seconds: the time of the user's first rating in the test part, in seconds since 1970, if
            the split follows time, [B]; else None
        gaps: the seconds from the user's last rating before the test part to that one, [B],
            infinite if there is none; None if the split does not follow time
    """

    users: Ints
    histories: UserHistories
    relevant: scipy.sparse.csr_matrix
    seconds: Ints | None
    gaps: Floats | None


def read_people(ratings: Path, parts: Path, dimensions: Dimensions, relevant: str) -> People:
    """Read the people of the test part.

    Args:
        ratings: the folder of `schemas.RATINGS`.
        parts: the folder of the split.
        relevant: "likes", or "all" for every movie that was interacted with.

    Raises:
        InputError: a file is missing or of another run.
    """
    path = parts / "assignment"
    lineage = read_lineage(path, "split")
    require_same_run(path, lineage, dimensions.folder, dimensions.lineage)
    require_same_run(ratings, read_lineage(ratings, "encode"), path, lineage)
    user, movie, label, rating, seconds = (
        read_column(ratings, schemas.RATINGS, name)
        for name in ("user", "movie", "label", "rating_norm", "timestamp")
    )
    part = read_column(path, schemas.ASSIGNMENT, "part")
    if len(part) != len(user):
        raise InputError(f"{path} has other rows than {ratings}; run `dvc repro split`")
    test = part == PARTS.index("test")
    wanted = test & ((label == 1) | (relevant == "all"))
    users = np.unique(user[wanted])
    shape = (int(user.max()) + 1, len(dimensions.tables["movies"]))
    ones = np.ones(int(wanted.sum()), np.float32)
    listed = scipy.sparse.csr_matrix((ones, (user[wanted], movie[wanted])), shape)[users]
    columns = (values[~test] for values in (user, movie, rating, seconds))
    histories = UserHistories.group(*shape, *columns).select(users)
    as_of = gaps = None
    if lineage.past_only:
        # A user's ratings ascend by time, so the first one in the test part is the earliest.
        tested, earliest = np.unique(user[test], return_index=True)
        as_of = seconds[test][earliest][np.searchsorted(tested, users)]
        latest = np.full(shape[0], -np.inf)
        np.maximum.at(latest, user[~test], seconds[~test])
        gaps = as_of - latest[users]
    return People(users.astype(np.int64), histories, listed, as_of, gaps)
