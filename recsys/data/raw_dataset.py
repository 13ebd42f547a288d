"""The raw tables of a data set, which the reader returns and encode takes."""

from dataclasses import dataclass, field

import pandas as pd

from recsys.common.rating_scale import RatingScale
from recsys.storage.registry import Feature, movielens_features


@dataclass(frozen=True)
class RawDataset:
    """A data set in memory.

    Attributes:
        users: userid, ascending, and a column for each attribute of the schema. A release without
            a users file has nulls in them.
        movies: movieid, ascending, title, and a column for each attribute; that of lists of texts
            has an empty list where the file lists none.
        ratings: user and movie (rows of the tables above), rating (stars) and timestamp (seconds
            since 1970, UTC), in the order of the file.
        rating_scale: the stars that users could give.
        features: the features whose values are in users and movies.
        id_types: the names of the Arrow types of userid and movieid, by table.
        label_threshold: a rating above it is a like; None: as encode.label_threshold says.
        implicit: whether all ratings are positives.
        notes: what was dropped or added, or looks odd, for the user to read.
    """

    users: pd.DataFrame
    movies: pd.DataFrame
    ratings: pd.DataFrame
    rating_scale: RatingScale
    features: tuple[Feature, ...] = field(default_factory=movielens_features)
    id_types: dict[str, str] = field(default_factory=lambda: {"users": "int32", "movies": "int32"})
    label_threshold: float | None = None
    implicit: bool = False
    notes: tuple[str, ...] = ()
