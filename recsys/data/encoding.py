"""Encode the users and movies as numbers: rows for ids, codes for names."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.preprocessing import LabelEncoder

from recsys.data.params import EncodeParams
from recsys.data.raw_dataset import RawDataset
from recsys.storage import schemas
from recsys.storage.dimensions import digest_ids
from recsys.storage.registry import REGISTRY, Feature
from recsys.storage.vocabulary import Vocabulary

GENDERS = {"F": 0.0, "M": 1.0}
UNPUBLISHED_GENDER = REGISTRY["gender"].missing
Names = dict[str, tuple[str, ...]]


def encode_dimensions(
    dataset: RawDataset, params: EncodeParams
) -> tuple[dict[str, pa.Table], Vocabulary]:
    """The tables `users` and `movies` with the columns of `schemas`, and their vocabulary."""
    frames = {
        "users": prepare_users(dataset.users, params),
        "movies": prepare_movies(dataset.movies, params),
    }
    encoded: dict[str, pa.Table] = {}
    names: Names = {}
    for table, frame in frames.items():
        columns, table_names = encode_columns(frame, table, dataset.features)
        schema = schemas.dimension(table, dataset.features, dataset.id_types[table])
        encoded[table] = pa.Table.from_pandas(columns, schema, preserve_index=False)
        names |= table_names
    threshold = dataset.label_threshold
    vocabulary = Vocabulary(
        ids=digest_ids(encoded, names),
        names=names,
        rating_scale=dataset.rating_scale,
        label_threshold=params.label_threshold if threshold is None else threshold,
        features=dataset.features,
        id_types=dataset.id_types,
        implicit=dataset.implicit,
    )
    return encoded, vocabulary


def prepare_users(users: pd.DataFrame, params: EncodeParams) -> pd.DataFrame:
    """Sort the users by id. Make gender a number, and add the prefix of the zip code, if any."""
    users = users.sort_values("raw_userid")
    if "gender" in users:
        gender = users["gender"].map(GENDERS).astype(np.float32).fillna(UNPUBLISHED_GENDER)
        users = users.assign(gender=gender)
    if "zip" in users:
        users = users.assign(zip_prefix=users["zip"].str[: params.zip_prefix])
    return users


def prepare_movies(movies: pd.DataFrame, params: EncodeParams) -> pd.DataFrame:
    """Sort the movies by id, and add the release year in the title and the period of that year."""
    movies = movies.sort_values("raw_movieid")
    # As in "Toy Story (1995)" and "Land Before Time III (1995) (V)"; some titles have no year.
    extracted = movies["title"].str.extract(r"\((\d{4})\)(?: \(\w+\))?\s*$", expand=False)
    year = extracted.astype("Int16")
    return movies.assign(year=year, period=year // params.period_years)


def encode_columns(
    frame: pd.DataFrame, table: str, features: tuple[Feature, ...]
) -> tuple[pd.DataFrame, Names]:
    """Add the column of each feature of the table: codes, or numbers as they are."""
    names: Names = {}
    columns: dict[str, Any] = {}
    for feature in features:
        if feature.table != table:
            continue
        assert feature.column
        assert feature.source
        values = frame[feature.source]
        if feature.kind == "dense":
            columns[feature.column] = values.astype(np.float32)
        elif feature.kind == "list":
            columns[feature.column], names[feature.name] = encode_lists(values)
        else:
            columns[feature.column], names[feature.name] = encode_categories(values)
    return frame.assign(**columns), names


def encode_categories(values: pd.Series) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """The code of each value, from 0, and the names by code.

    The missing values are a category too, whose name is empty.
    """
    encoder = LabelEncoder()
    names = values.astype(object).where(values.notna(), "").astype(str)
    codes = encoder.fit_transform(names).astype(np.int32)
    return codes, tuple(encoder.classes_.tolist())


def encode_lists(values: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
    """The codes of each list of names, from 0, and the names by code."""
    encoder = LabelEncoder()
    codes = encoder.fit_transform([name for listed in values for name in listed])
    ends = np.cumsum(values.str.len())
    lists = pd.Series(np.split(codes, ends[:-1]), index=values.index)
    return lists, tuple(encoder.classes_.tolist())
