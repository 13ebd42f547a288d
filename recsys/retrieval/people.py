"""The people of the test part: what they rated before, and what they then interacted with.

Shapes: B people, U users, M movies.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse

from recsys.common.arrays import Floats, Ints, Mask
from recsys.retrieval.histories import Columns, UserHistories, read_interactions
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_batches


class People(NamedTuple):
    """Users with a relevant movie in the test part.

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


def list_users(ratings: Path, test: Path, dimensions: Dimensions, relevant: str) -> Ints:
    """The users with a relevant movie in the test part, ascending. Args, raises: `read_people`."""
    found = np.zeros(len(dimensions.tables["users"]), bool)
    for batch in _read_test(ratings, test, dimensions, np.ones_like(found)):
        found[batch["user"][_is_relevant(batch, relevant)]] = True
    return np.flatnonzero(found)


def read_people(
    ratings: Path, test: Path, dimensions: Dimensions, relevant: str, users: Ints
) -> People:
    """Read some people of the test part. The files are streamed.

    Args:
        ratings: the folder of `schemas.RATINGS`.
        test: the file of the test part.
        relevant: "likes", or "all" for every movie that was interacted with.
        users: those of `list_users`, or some of them, ascending, [B]

    Raises:
        InputError: a file is missing, damaged or of another run.
    """
    chosen = np.zeros(len(dimensions.tables["users"]), bool)
    chosen[users] = True
    pieces = list(_read_test(ratings, test, dimensions, chosen))
    tested = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    shape = len(chosen), len(dimensions.tables["movies"])
    wanted = _is_relevant(tested, relevant)
    pairs = tested["user"][wanted], tested["movie"][wanted]
    listed = scipy.sparse.csr_matrix((np.ones(wanted.sum(), np.float32), pairs), shape)[users]
    histories = _read_histories(ratings, chosen, tested, shape[1])
    if not dimensions.lineage.past_only:
        return People(users, histories, listed, None, None)
    first = np.full(len(chosen), np.iinfo(np.int64).max)
    np.minimum.at(first, tested["user"], tested["timestamp"])
    latest, some = np.full(len(users), -np.inf), np.diff(histories.starts) > 0
    latest[some] = histories.seconds[histories.starts[1:][some] - 1]
    return People(users, histories, listed, first[users], first[users] - latest)


def _read_test(ratings: Path, test: Path, dimensions: Dimensions, users: Mask) -> Iterator[Columns]:
    """The interactions of some users in the test part, in pieces."""
    lineage = read_lineage(test, "split")
    require_same_run(test, lineage, dimensions.folder, dimensions.lineage)
    require_same_run(ratings, read_lineage(ratings, "encode"), test, lineage)
    for batch in read_interactions([test], dimensions.vocabulary.implicit):
        some = users[batch["user"]]
        yield {name: column[some] for name, column in batch.items()}


def _read_histories(ratings: Path, users: Mask, tested: Columns, movies: int) -> UserHistories:
    """What some users rated before the test part."""
    names, kept = ["user", "movie", "rating_norm", "timestamp"], []
    for batch in read_batches(ratings, schemas.RATINGS, names):
        some = users[batch["user"].to_numpy()]
        kept.append([batch[name].to_numpy()[some] for name in names])
    user, movie, *others = map(np.concatenate, zip(*kept, strict=True))
    # A user has one rating of a movie.
    pairs = user.astype(np.int64) * movies + movie
    before = ~np.isin(pairs, tested["user"].astype(np.int64) * movies + tested["movie"])
    place = np.cumsum(users) - 1
    columns = (column[before] for column in (place[user], movie, *others))
    return UserHistories.group(int(users.sum()), movies, *columns)


def _is_relevant(ratings: Columns, relevant: str) -> Mask:
    return (ratings["label"] == 1) | (relevant == "all")
