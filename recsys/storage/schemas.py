"""The columns of every Parquet file in the pipeline.

The tables are a star schema. A rating refers to its user and its movie by their rows, from 0, in
the users and movies tables. Only these two tables hold the published ("raw") ids.
"""

from collections.abc import Iterable

import pyarrow as pa

from recsys.storage.registry import coded_features


def users() -> pa.Schema:
    """The schema of the users, whose rows ascend by raw id."""
    return _with_codes(
        "users",
        [
            ("raw_userid", pa.int32()),  # as published
            ("gender", pa.float32()),  # 0 for F, 1 for M, 0.5 if not published
            ("age", pa.int16()),  # years; in ml-1m the lower end of a range
            ("occupation", pa.string()),
            ("zip", pa.string()),
        ],
    )


def movies() -> pa.Schema:
    """The schema of the movies, whose rows ascend by raw id."""
    return _with_codes(
        "movies",
        [
            ("raw_movieid", pa.int32()),  # as published
            ("title", pa.string()),
            ("year", pa.int16()),  # the release year in the title, or null
        ],
    )


def _with_codes(table: str, columns: list[tuple[str, pa.DataType]]) -> pa.Schema:
    # The codes are those of scikit-learn's LabelEncoder, from 0.
    types = {"sparse": pa.int32(), "list": pa.list_(pa.int32())}
    return pa.schema([*columns, *((f.column, types[f.kind]) for f in coded_features(table))])


# The rows are sorted by (timestamp, user, movie), and no two rows have the same key.
RATINGS = pa.schema(
    [
        ("user", pa.int32()),  # row of the users table
        ("movie", pa.int32()),  # row of the movies table
        ("rating", pa.float32()),  # stars
        ("rating_norm", pa.float32()),  # the rating scale mapped to [0, 1]
        ("label", pa.int8()),  # 1: rating > label_threshold
        ("timestamp", pa.int64()),  # seconds since 1970, UTC
    ]
)
PARTS = ("train", "validation", "test")
# A part of the ratings: some rows of the ratings table, ascending, with their row number as key.
PART = pa.schema([("row", pa.int32()), *RATINGS])
# For each row of the users or movies table, the number of its ratings in the training part.
COUNTS = pa.schema([("training_ratings", pa.int32())])
# The liked (or disliked) movies of all users, sorted by user, then time.
HISTORY_LOG = pa.schema([("movie", pa.int32())])


def features(statistics: Iterable[str], histories: Iterable[str]) -> pa.Schema:
    """The schema of the features of a part: the part's key, statistics, and stretches of histories.

    Args:
        statistics: names of the columns of standardised numbers.
        histories: names of the histories. A rating's history is a stretch of its log: the `length`
            entries from `start` on, without the entry at `skip` (-1 for none).
    """
    stretches = [f"{name}_{end}" for name in histories for end in ("start", "length", "skip")]
    return pa.schema(
        [
            ("row", pa.int32()),
            *((name, pa.float32()) for name in statistics),
            *((name, pa.int32()) for name in stretches),
        ]
    )


PREDICTIONS = pa.schema(
    [
        ("raw_userid", pa.int32()),
        ("raw_movieid", pa.int32()),
        ("rating", pa.float32()),
        ("label", pa.int8()),
        ("score", pa.float32()),  # the predicted probability of a like or, for regression, stars
    ]
)
