"""The columns of every Parquet file in the pipeline.

The tables are a star schema: a rating refers to its user and its movie by their rows, from 0, in
the users and the movies table. Raw ids stand in those two tables only.
"""

from collections.abc import Iterable

import pyarrow as pa

from recsys.storage.registry import coded_features


def users() -> pa.Schema:
    """Of the users, ascending by raw id."""
    return _with_codes(
        "users",
        [
            ("raw_userid", pa.int32()),  # as published
            ("gender", pa.float32()),  # 0 F, 1 M, 0.5 not published
            ("age", pa.int16()),  # years; in ml-1m the first of a range
            ("occupation", pa.string()),
            ("zip", pa.string()),
        ],
    )


def movies() -> pa.Schema:
    """Of the movies, ascending by raw id."""
    return _with_codes(
        "movies",
        [
            ("raw_movieid", pa.int32()),  # as published
            ("title", pa.string()),
            ("year", pa.int16()),  # of release, from the title
        ],
    )


def _with_codes(table: str, columns: list[tuple[str, pa.DataType]]) -> pa.Schema:
    # LabelEncoder codes from 0 of what the model looks up.
    types = {"sparse": pa.int32(), "list": pa.list_(pa.int32())}
    return pa.schema([*columns, *((f.column, types[f.kind]) for f in coded_features(table))])


# Sorted by (timestamp, user, movie), a total key.
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
# A part of the ratings: rows of the ratings table, ascending, with their row number as the key.
PART = pa.schema([("row", pa.int32()), *RATINGS])
# For each row of the users or the movies table, how many ratings the training part has of it.
COUNTS = pa.schema([("training_ratings", pa.int32())])
# A user's liked or disliked movies: one user's after another's, each in the order of time.
HISTORY_LOG = pa.schema([("movie", pa.int32())])


def features(statistics: Iterable[str], histories: Iterable[str]) -> pa.Schema:
    """Of the features of a part's rows, by the same key: standardised numbers and log stretches."""
    # Entries from `start` on of the log, `length` of them, without the one at `skip` (or -1).
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
        ("score", pa.float32()),  # probability of a like; regression: the rating expected
    ]
)
