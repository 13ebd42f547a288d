"""The raw tables of a data set: the reader makes them, encode turns them into numbers."""

from dataclasses import dataclass, field

import pandas as pd

from recsys.common.rating_scale import RatingScale
from recsys.storage.registry import Feature, movielens_features


@dataclass(frozen=True)
class RawDataset:
    """A data set in memory.

    Attributes:
        users: raw_userid, ascending, and a column for each attribute of the schema. Without a users
            file the attributes are null.
        movies: raw_movieid, ascending, title, and a column for each attribute. An attribute of
            lists has an empty list where the file lists nothing.
        ratings: user and movie (rows of the tables above), rating (stars) and timestamp (seconds
            since 1970, UTC), in the order of the file.
        rating_scale: the stars that users could give.
        features: the features whose values are in users and movies.
        id_types: the names of the Arrow types of raw_userid and raw_movieid, by table.
        label_threshold: a rating above it is a like; None: as encode.label_threshold says.
        implicit: whether all ratings are positives.
        notes: notes about dropped, added and odd values, for the user to read.
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
