"""The raw tables of a data set: the reader makes them, encode turns them into numbers."""

from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from recsys.common.rating_scale import RatingScale
from recsys.data.reading.interactions import Interactions
from recsys.data.schema import Schema
from recsys.storage.registry import Feature, movielens_features


@dataclass(frozen=True)
class RawDataset:
    """A data set: its users and movies in memory, its ratings in a file.

    Attributes:
        users: raw_userid, ascending, and a column for each attribute of the schema. Without a users
            file the attributes are null.
        movies: raw_movieid, ascending, title, and a column for each attribute. An attribute of
            lists has an empty list where the file lists nothing.
        interactions: the ratings, with the ids that the file has.
        id_texts: these ids, for each row of the tables above, by table.
        rated_movies: the number of movies with a rating.
        schema: of the files.
        rating_scale: the stars that users could give.
        features: the features whose values are in users and movies.
        id_types: the names of the Arrow types of raw_userid and raw_movieid, by table.
        label_threshold: a rating above it is a like; None: as encode.label_threshold says.
        implicit: whether all ratings are positives.
        notes: notes about dropped, added and odd values, for the user to read.
    """

    users: pd.DataFrame
    movies: pd.DataFrame
    interactions: Interactions
    id_texts: dict[str, pa.StringArray]
    rated_movies: int
    schema: Schema
    rating_scale: RatingScale
    features: tuple[Feature, ...] = field(default_factory=movielens_features)
    id_types: dict[str, str] = field(default_factory=lambda: {"users": "int32", "movies": "int32"})
    label_threshold: float | None = None
    implicit: bool = False
    notes: tuple[str, ...] = ()
