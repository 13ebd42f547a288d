"""The columns of every Parquet file in the pipeline."""

from collections.abc import Iterable

import pyarrow as pa

# `userid` and `movieid` are vocabulary indices from 1; row i of each table has index i + 1.
USERS = pa.schema(
    [
        ("userid", pa.int32()),
        ("raw_userid", pa.int32()),  # as published
        ("gender", pa.float32()),  # 0 F, 1 M, 0.5 not published
        ("age", pa.int16()),  # years; in ml-1m the first of a range
        ("occupation", pa.string()),
        ("zip", pa.string()),
        # LabelEncoder codes from 0 of what the model can look up.
        ("age_code", pa.int32()),
        ("occupation_code", pa.int32()),
        ("zip_code", pa.int32()),  # of the first three characters
    ]
)
MOVIES = pa.schema(
    [
        ("movieid", pa.int32()),
        ("raw_movieid", pa.int32()),  # as published
        ("title", pa.string()),
        ("year", pa.int16()),  # of release, from the title
        ("period_code", pa.int32()),  # of the five years that the year is in
        ("genres", pa.list_(pa.int32())),  # LabelEncoder codes from 0; may be empty
    ]
)
# Sorted by (timestamp, userid, movieid), a total key.
RATINGS = pa.schema(
    [
        ("userid", pa.int32()),
        ("movieid", pa.int32()),
        ("rating", pa.float32()),  # stars
        ("rating_norm", pa.float32()),  # the rating scale mapped to [0, 1]
        ("label", pa.int8()),  # 1: rating > label_threshold
        ("timestamp", pa.int64()),  # seconds since 1970, UTC
    ]
)
# A part of the ratings. Here `userid` and `movieid` are 0 where the training part has none of
# them, so the row of the users and the movies table, which is always known, stands beside them.
PART = pa.schema([("user_row", pa.int32()), ("movie_row", pa.int32()), *RATINGS])


def features(statistics: Iterable[str], histories: Iterable[str]) -> pa.Schema:
    """Of what describes the rows of a part besides: standardised numbers, and stretches of logs."""
    fields = [(name, pa.float32()) for name in statistics]
    # Entries from `start` on of the log, `length` of them, without the one at `skip` (or -1).
    parts = ("start", "length", "skip")
    fields += [(f"{name}_{part}", pa.int32()) for name in histories for part in parts]
    return pa.schema(fields)


# Of a log of likes or of dislikes: one user's after another's, each in the order of time.
LOG = pa.schema([("movieid", pa.int32())])
PREDICTIONS = pa.schema(
    [
        ("raw_userid", pa.int32()),
        ("raw_movieid", pa.int32()),
        ("rating", pa.float32()),
        ("label", pa.int8()),
        ("score", pa.float32()),  # probability of a like; regression: the rating expected
    ]
)
