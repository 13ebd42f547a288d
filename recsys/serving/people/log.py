"""The ratings of all users in memory.

Shapes: U users, R ratings, B people, M movies.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.retrieval.histories import UserHistories
from recsys.serving.people.person import COLUMNS
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_batches, read_last


class Log:
    """Finds a user's ratings in all parts at once. It takes 17 bytes a rating.

    Args:
        path: a file with the columns of `schemas.RATINGS`.

    Attributes:
        end: the time of the last rating, in seconds since 1970

    Raises:
        InputError: the file is missing or damaged, or belongs to another run than the dimensions.
    """

    def __init__(self, path: Path, dimensions: Dimensions) -> None:
        require_same_run(path, read_lineage(path, "encode"), dimensions.folder, dimensions.lineage)
        self.end = int(read_last(path, schemas.RATINGS, "timestamp"))
        pieces = list(read_batches(path, schemas.RATINGS, ["user", *COLUMNS]))
        user, *columns = (
            np.concatenate([piece[name].to_numpy() for piece in pieces])
            for name in ("user", *COLUMNS)
        )
        order = np.argsort(user, kind="stable")
        self._columns = [column[order] for column in columns]
        self._movies = len(dimensions.raw_ids("movies"))
        self._scale = dimensions.vocabulary.rating_scale
        self._starts = np.searchsorted(user[order], np.arange(len(dimensions.raw_ids("users")) + 1))

    def of(self, user: int) -> pd.DataFrame:
        """A user's ratings, with the columns of `Person.rated`.

        Args:
            user: row of the users table.
        """
        rows = slice(self._starts[user], self._starts[user + 1])
        return pd.DataFrame(dict(zip(COLUMNS, (c[rows] for c in self._columns), strict=True)))

    def histories(self, users: range, before: int | None = None) -> UserHistories:
        """What some users have interacted with, of B people.

        Args:
            users: rows of the users table, one after the other.
            before: a time, since 1970; ratings of this second and later are left out.
        """
        starts = self._starts[users.start : users.stop + 1]
        rows = slice(starts[0], starts[-1])
        movie, stars, _, seconds = (column[rows] for column in self._columns)
        person = np.repeat(np.arange(len(users)), np.diff(starts))
        known = np.ones(len(seconds), bool) if before is None else seconds < before
        columns: list[Any] = [person, movie, self._scale.normalise(stars), seconds]
        return UserHistories.group(len(users), self._movies, *(column[known] for column in columns))
