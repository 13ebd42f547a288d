"""Read the raw files of a data set, as its schema describes them, into a `RawDataset`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.common.errors import InputError
from recsys.data.files.columns import read_times
from recsys.data.files.text_table import TextTable
from recsys.data.raw_dataset import RawDataset
from recsys.data.reading.entities import (
    Entities,
    describe_entities,
    describe_titles,
    read_entities,
    require_listed,
)
from recsys.data.reading.oddities import count_ids, find_one_time, find_times_without_zone
from recsys.data.reading.published import check_published
from recsys.data.reading.ratings import drop_repeats, find_scale, read_stars
from recsys.data.schema import Attribute, Column, File, Schema


@dataclass(frozen=True)
class Files:
    """The files of a data set as texts. A data set may have no file of users or movies."""

    ratings: TextTable
    users: TextTable | None
    movies: TextTable | None


def read_dataset(folder: Path, schema: Schema) -> RawDataset:
    """Read and check the raw files in `folder`.

    Raises:
        InputError: a file or a value is wrong; names the file, the line and the value.
    """
    files = open_files(folder, schema)
    users = _read_entities("user", schema.user, files, files.users, schema)
    movies = _read_entities("movie", schema.movie, files, files.movies, schema)
    ratings, odd = _read_ratings(users, movies, files, schema)
    ratings, notes = drop_repeats(ratings, users, movies, files.ratings, schema)
    implicit = not schema.rating and not schema.label
    single = np.bincount(ratings["user"], minlength=len(users.ids)) == 1
    odd += count_ids("users with a single rating", single, users.ids)
    if schema.time:
        odd += find_one_time(ratings["timestamp"].to_numpy())
    if implicit and not schema.negatives:
        raise InputError(
            "own: without rating and label every row is a 1, and there is nothing to tell apart; "
            "set own.negatives to the number of items to draw as 0 for each row"
        )
    users_table, user_notes = _describe_users(users, files, schema)
    movies_table, movie_notes = _describe_movies(movies, files, schema)
    dataset = RawDataset(
        users=users_table,
        movies=movies_table,
        ratings=ratings,
        rating_scale=find_scale(ratings["rating"], files.ratings, schema),
        features=schema.features,
        id_types={"users": users.id_type, "movies": movies.id_type},
        # A label of 1 lies above this, a label of 0 does not.
        label_threshold=None if schema.rating else 0.5,
        implicit=implicit,
        notes=(*notes, *users.notes, *movies.notes, *user_notes, *movie_notes, *odd),
    )
    if schema.published:
        check_published(dataset, schema.published, files.ratings)
    return dataset


def open_files(folder: Path, schema: Schema) -> Files:
    """Read the columns of the schema from each file. Raises: InputError."""
    wanted = [schema.user, schema.movie, schema.rating, schema.label, schema.time]
    ratings = _open(folder, schema.ratings, [column for column in wanted if column])
    movie_columns = [schema.movie, schema.title] if schema.title else [schema.movie]
    users = movies = None
    if schema.users:
        users = _open(folder, schema.users, [schema.user], schema.user_attributes)
    if schema.movies:
        movies = _open(folder, schema.movies, movie_columns, schema.movie_attributes)
    return Files(ratings, users, movies)


def _open(
    folder: Path, file: File, columns: list[Column], attributes: tuple[Attribute, ...] = ()
) -> TextTable:
    described = [column for attribute in attributes for column in attribute.columns]
    table = TextTable(folder, file, list(dict.fromkeys([*columns, *described])))
    if not table.rows:
        raise InputError(f"{table.shown} has no rows below its header; {file.remedy}")
    return table


def _read_entities(
    noun: str, column: Column, files: Files, listed: TextTable | None, schema: Schema
) -> Entities:
    entities = read_entities(noun, column, files.ratings, listed, schema.id_type)
    if schema.complete and listed:
        require_listed(entities, column, files.ratings, listed)
    # The texts take more memory than the rows that they become.
    files.ratings.drop(column)
    return entities


def _read_ratings(
    users: Entities, movies: Entities, files: Files, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    """The columns of `RawDataset.ratings`, and notes about odd times."""
    table, odd = files.ratings, list[str]()
    stars = read_stars(table, schema)
    table.drop(schema.rating, schema.label)
    times = np.zeros(table.rows, np.int64)
    if schema.time:
        times = read_times(table, schema.time, schema.time_format)
        if schema.time_format == "iso":
            odd = find_times_without_zone(table, schema.time)
        table.drop(schema.time)
    columns = {"user": users.rows, "movie": movies.rows, "rating": stars, "timestamp": times}
    return pd.DataFrame(columns, copy=False), odd


def _describe_users(
    users: Entities, files: Files, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    described, notes = describe_entities(users, files.users, schema.user_attributes)
    described.insert(0, "raw_userid", users.ids)
    # The dense input of a model of own data without others.
    if any(feature.source == "bias" for feature in schema.features):
        described["bias"] = np.float32(1)
    return described, notes


def _describe_movies(
    movies: Entities, files: Files, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    described, notes = describe_entities(movies, files.movies, schema.movie_attributes)
    titles, untitled = describe_titles(movies, files.movies, schema.title)
    described.insert(0, "raw_movieid", movies.ids)
    described.insert(1, "title", titles)
    return described, untitled + notes
