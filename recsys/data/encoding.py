"""Raw tables -> numbers: indices, genre codes, normalised ratings, labels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.preprocessing import LabelEncoder

from recsys.common.errors import InputError
from recsys.data.readers import Tables
from recsys.sources.releases import Release
from recsys.storage.parquet import ROWS_AT_ONCE
from recsys.storage.vocabulary import Vocabulary, index_ids

GENDERS = {"F": 0.0, "M": 1.0}
UNPUBLISHED_GENDER = 0.5
# A zip code's first characters are a region; all of it is nearly a user.
ZIP_PREFIX = 3
PERIOD_YEARS = 5


@dataclass(frozen=True)
class Encoded:
    """The small tables with the columns of `recsys.storage.schemas`, and the vocabulary of all."""

    users: pd.DataFrame
    movies: pd.DataFrame
    vocabulary: Vocabulary


def encode_tables(tables: Tables, release: Release) -> Encoded:
    """Encode checked tables but for the ratings."""
    movies, genres = encode_movies(tables.movies)
    users = encode_users(tables.users)
    vocabulary = Vocabulary(
        userids=users["raw_userid"].to_numpy(),
        movieids=movies["raw_movieid"].to_numpy(),
        genres=genres,
        categories={
            name: int(table[f"{name}_code"].max()) + 1
            for table, names in ((users, ("age", "occupation", "zip")), (movies, ("period",)))
            for name in names
        },
        rating_scale=release.rating_scale,
    )
    return Encoded(users, movies, vocabulary)


def drop_ratings(tables: Tables, stars: tuple[float, ...]) -> Tables:
    """Without the ratings of these stars; their users and movies stay.

    Raises:
        InputError: a value is not among the ratings, or none would be left.
    """
    ratings = tables.ratings
    for value in stars:
        if not (ratings["rating"] == value).any():
            raise InputError(f"encode.drop_ratings: no rating is {value:g} stars")
    kept = ratings if not stars else ratings[~ratings["rating"].isin(stars)]
    if kept.empty:
        raise InputError(f"encode.drop_ratings = {list(stars)}: no rating would be left")
    return replace(tables, ratings=kept)


def encode_ratings(
    ratings: pd.DataFrame, vocabulary: Vocabulary, label_threshold: float
) -> Iterator[pd.DataFrame]:
    """The ratings with the columns of `schemas.RATINGS`, sorted by (timestamp, userid, movieid).

    Yields:
        frames of `ROWS_AT_ONCE` rows, so that only the raw columns and their order are in memory
        as a whole.
    """
    # Raw ids sort as their indices do.
    order = np.lexsort([ratings[key] for key in ("movieid", "userid", "timestamp")])
    for start in range(0, len(order), ROWS_AT_ONCE):
        rows = ratings.iloc[order[start : start + ROWS_AT_ONCE]]
        stars = rows["rating"].to_numpy()
        yield rows.assign(
            userid=index_ids(rows["userid"].to_numpy(), vocabulary.userids),
            movieid=index_ids(rows["movieid"].to_numpy(), vocabulary.movieids),
            rating_norm=vocabulary.rating_scale.normalise(stars),
            label=(stars > label_threshold).astype(np.int8),
        )


def encode_users(users: pd.DataFrame) -> pd.DataFrame:
    """The users with indices, and gender as the number that the model takes."""
    users = users.rename(columns={"userid": "raw_userid"}).sort_values("raw_userid")
    return users.assign(
        userid=np.arange(1, len(users) + 1, dtype=np.int32),
        gender=users["gender"].map(GENDERS).astype(np.float32).fillna(UNPUBLISHED_GENDER),
        age_code=encode_categories(users["age"]),
        occupation_code=encode_categories(users["occupation"]),
        zip_code=encode_categories(users["zip"].astype(str).str[:ZIP_PREFIX]),
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
        period_code=encode_categories(year.astype(float) // PERIOD_YEARS),
        genres=pd.Series(np.split(codes, ends[:-1]), index=movies.index),
    )
    return movies, tuple(encoder.classes_.tolist())


def encode_categories(values: pd.Series) -> npt.NDArray[np.int32]:
    """Codes from 0; what is not published is a category of its own."""
    codes: npt.NDArray[np.int32] = LabelEncoder().fit_transform(values.astype(str)).astype(np.int32)
    return codes
