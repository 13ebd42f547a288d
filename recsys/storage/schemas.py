"""The columns of every Parquet file in the pipeline.

The tables are a star schema. A rating refers to its user and its movie by their rows, from 0, in
the users and movies tables. Only these two tables hold the published ("raw") ids.
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from recsys.storage.registry import Feature

# The column of published ids of each table.
RAW_IDS = {"users": "raw_userid", "movies": "raw_movieid"}
# The names of the Arrow types of raw ids: int32 in MovieLens, the others in own data.
ID_TYPES = ("int32", "int64", "string")
COLUMN_TYPES = {"sparse": pa.int32(), "list": pa.list_(pa.int32()), "dense": pa.float32()}


def dimension(table: str, features: Iterable[Feature], id_type: str) -> pa.Schema:
    """The schema of the users or movies, whose rows ascend by raw id.

    Sparse and list features are codes from 0 of scikit-learn's LabelEncoder, dense ones numbers.

    Args:
        features: of both tables of the data set.
        id_type: the name of the raw ids' Arrow type.
    """
    columns = [(RAW_IDS[table], pa.type_for_alias(id_type))]
    if table == "movies":
        # The release year is null if the title does not have it.
        columns += [("title", pa.string()), ("year", pa.int16())]
    columns += [(str(f.column), COLUMN_TYPES[f.kind]) for f in features if f.table == table]
    return pa.schema(columns)


# The ratings are in partitions, each with all ratings of a stretch of the users. The rows are
# sorted by (user, timestamp, movie), and no two rows have the same key.
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
# For each rating of a partition: its key, ascending, and its part as the position in `PARTS`, or
# `NO_PART`. The key is the rating's place among all ratings, times 1 plus the number of negatives
# that may be drawn for it. So keys do not depend on the partitions.
KEY = pa.field("row", pa.int64())
ASSIGNMENT = pa.schema([KEY, ("part", pa.int8())])
NO_PART = -1
# The ratings of a part with their keys. A negative's key is behind that of its positive.
PART = pa.schema([KEY, *RATINGS])
# The drawn negatives of a partition, ascending by key.
NEGATIVES = pa.schema([*PART, ("part", pa.int8())])
# For each row of the users or movies table, the number of its ratings in the training part.
COUNTS = pa.schema([("training_ratings", pa.int32())])
# The liked (or disliked) movies of all users, sorted by user, then time.
HISTORY_LOG = pa.schema([("movie", pa.int32())])

# The visible ratings of all users, sorted by user, then time.
FITTED_RATINGS = pa.schema(
    [
        ("user", pa.int32()),
        ("movie", pa.int32()),
        ("rating", pa.float32()),
        ("label", pa.int8()),
        ("timestamp", pa.int64()),
        ("movie_adjusted", pa.float32()),  # stars less the movie's mean at that time
        ("user_adjusted", pa.float32()),  # stars less the user's mean
    ]
)


def features(statistics: Mapping[str, Iterable[str]], histories: Iterable[str]) -> pa.Schema:
    """The schema of the features of a part: the part's key, statistics, and stretches of histories.

    Args:
        statistics: names of the columns of standardised numbers, by the name of their feature in
            the registry, which is in the metadata of each column.
        histories: names of the histories. A rating's history is a stretch of its log: the `length`
            entries from `start` on, without the entry at `skip` (-1 for none).
    """
    stretches = [
        (f"{name}_{end}", kind)
        for name in histories
        for end, kind in (("start", pa.int64()), ("length", pa.int32()), ("skip", pa.int64()))
    ]
    return pa.schema(
        [
            KEY,
            *(
                pa.field(name, pa.float32(), metadata={"feature": feature})
                for feature, names in statistics.items()
                for name in names
            ),
            *stretches,
        ]
    )


# A row for each person of the test part with a relevant movie, ascending by user.
RECOMMENDATIONS = pa.schema(
    [
        ("user", pa.int32()),  # row of the users table
        ("movies", pa.list_(pa.int32())),  # rows of the movies table, best first
        ("scores", pa.list_(pa.float32())),  # log retrieval score + w log P(like)
        # The metrics of the list.
        ("ndcg", pa.float64()),
        ("recall", pa.float64()),
        ("hit_rate", pa.float64()),
        ("mrr", pa.float64()),
    ]
)


def predictions(id_types: Mapping[str, str], with_stars: bool) -> pa.Schema:
    """The schema of the predictions.

    Args:
        id_types: the names of the raw ids' Arrow types, by table.
        with_stars: whether the model expects stars: it has more thresholds than the label's.
    """
    return pa.schema(
        [
            ("raw_userid", pa.type_for_alias(id_types["users"])),
            ("raw_movieid", pa.type_for_alias(id_types["movies"])),
            ("rating", pa.float32()),
            ("label", pa.int8()),
            ("score", pa.float32()),  # the predicted probability of a like
            *([("stars", pa.float32())] if with_stars else []),  # the expected rating
        ]
    )
