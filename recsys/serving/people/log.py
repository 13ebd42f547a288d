"""The ratings of the users in memory.

Shapes: U users, R ratings, B people.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.retrieval.histories import UserHistories
from recsys.serving.people.history import UserHistory, to_histories
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_batches

# The columns of `UserHistory`.
COLUMNS = ["movie", "rating", "label", "timestamp"]


class Log:
    """Finds a user's ratings in all parts at once. It takes 17 bytes a rating.

    Args:
        path: a file with the columns of `schemas.RATINGS`, or a folder of partitions.
        user: the row of the only user whose ratings are kept; None for all users.

    Attributes:
        end: the time of the last rating, in seconds since 1970

    Raises:
        InputError: the file is missing or damaged, or belongs to another run than the dimensions.
    """

    def __init__(self, path: Path, dimensions: Dimensions, user: int | None = None) -> None:
        self.end = read_end(path, dimensions)
        pieces = [
            piece if user is None else piece.filter(pc.equal(piece["user"], user))
            for piece in read_batches(path, schemas.RATINGS, ["user", *COLUMNS])
        ]
        names = ["user", *COLUMNS]
        schema = pa.schema([schemas.RATINGS.field(name) for name in names])
        table = pa.Table.from_batches(pieces, schema)
        users, *columns = (table[name].to_numpy() for name in names)
        self._ratings = UserHistory(*columns)
        self._starts = np.searchsorted(users, np.arange(len(dimensions.ids["users"]) + 1))
        self._dimensions = dimensions

    def of(self, user: int) -> UserHistory:
        """A user's ratings, in the order of time.

        Args:
            user: row of the users table.
        """
        return self._ratings.take(slice(self._starts[user], self._starts[user + 1]))

    def histories(self, users: range, before: int | None = None) -> UserHistories:
        """The ratings of some users, of B people.

        Args:
            users: rows of the users table, one after the other.
            before: a time, in seconds since 1970; ratings of this second and later are left out.
        """
        starts = self._starts[users.start : users.stop + 1]
        ratings = self._ratings.take(slice(starts[0], starts[-1]))
        person = np.repeat(np.arange(len(users)), np.diff(starts))
        if before is not None:
            earlier = ratings.seconds < before
            ratings, person = ratings.take(earlier), person[earlier]
        return to_histories(ratings, person, len(users), self._dimensions)


def read_end(path: Path, dimensions: Dimensions) -> int:
    """The time of the last rating of a log, in seconds since 1970. Raises: InputError, as `Log`."""
    require_same_run(path, read_lineage(path, "encode"), dimensions.folder, dimensions.lineage)
    batches = read_batches(path, schemas.RATINGS, ["timestamp"])
    times = (pc.max(batch["timestamp"]).as_py() for batch in batches if len(batch))
    return max(times, default=0)
