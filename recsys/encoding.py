"""Raw tables -> numbers: indices, genre codes, normalised ratings, labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.preprocessing import LabelEncoder

from recsys.catalogue import Release
from recsys.tables import Tables
from recsys.vocabulary import Vocabulary, index_ids

GENDERS = {"F": 0.0, "M": 1.0}
UNPUBLISHED_GENDER = 0.5


@dataclass(frozen=True)
class Encoded:
    """Tables with the columns of `recsys.schemas` and the vocabulary that they refer to."""

    users: pd.DataFrame
    movies: pd.DataFrame
    ratings: pd.DataFrame
    vocabulary: Vocabulary


def encode_tables(tables: Tables, release: Release, label_threshold: float) -> Encoded:
    """Encode checked tables; ratings come out sorted by (timestamp, userid, movieid)."""
    movies, genres = encode_movies(tables.movies)
    users = encode_users(tables.users)
    vocabulary = Vocabulary(
        users["raw_userid"].to_numpy(), movies["raw_movieid"].to_numpy(), genres,
        release.rating_scale,
    )  # fmt: skip
    ratings = tables.ratings.assign(
        userid=index_ids(tables.ratings["userid"].to_numpy(), vocabulary.userids),
        movieid=index_ids(tables.ratings["movieid"].to_numpy(), vocabulary.movieids),
        rating_norm=release.rating_scale.normalise(tables.ratings["rating"].to_numpy()),
        label=(tables.ratings["rating"] > label_threshold).astype(np.int8),
    ).sort_values(["timestamp", "userid", "movieid"], ignore_index=True)
    return Encoded(users, movies, ratings, vocabulary)


def encode_users(users: pd.DataFrame) -> pd.DataFrame:
    """The users with indices, and gender as the number that the model takes."""
    users = users.rename(columns={"userid": "raw_userid"}).sort_values("raw_userid")
    return users.assign(
        userid=np.arange(1, len(users) + 1, dtype=np.int32),
        gender=users["gender"].map(GENDERS).astype(np.float32).fillna(UNPUBLISHED_GENDER),
    )


def encode_movies(movies: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The movies and the genre names, by code."""
    movies = movies.rename(columns={"movieid": "raw_movieid"}).sort_values("raw_movieid")
    encoder = LabelEncoder()
    codes = encoder.fit_transform([genre for listed in movies["genres"] for genre in listed])
    ends = np.cumsum(movies["genres"].str.len())
    # "Toy Story (1995)", "Land Before Time III (1995) (V)"; not every title has a year.
    year = movies["title"].str.extract(r"\((\d{4})\)(?: \(\w+\))?\s*$", expand=False)
    movies = movies.assign(
        movieid=np.arange(1, len(movies) + 1, dtype=np.int32),
        year=year.astype("Int16"),
        genres=pd.Series(np.split(codes, ends[:-1]), index=movies.index),
    )
    return movies, tuple(encoder.classes_.tolist())
