"""Read the raw files of a data set, as its schema describes them, into a `RawDataset`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.common.errors import InputError
from recsys.data.files.text_table import TextFile, TextTable
from recsys.data.raw_dataset import RawDataset
from recsys.data.reading.entities import (
    Entities,
    describe_entities,
    describe_titles,
    read_entities,
    require_listed,
)
from recsys.data.reading.interactions import Interactions, stage_interactions
from recsys.data.reading.published import check_published
from recsys.data.reading.ratings import find_scale
from recsys.data.schema import Attribute, Column, File, Schema
from recsys.engine.engine import Engine


@dataclass(frozen=True)
class Files:
    """The files of a data set. There may be no file of users or movies."""

    interactions: TextFile
    users: TextTable | None
    movies: TextTable | None


def read_dataset(folder: Path, schema: Schema, staged: Path, engine: Engine) -> RawDataset:
    """Read and check the raw files in `folder`.

    Args:
        staged: gets the interactions, a Parquet file.

    Raises:
        InputError: a file or a value is wrong; names the file, the line and the value.
    """
    implicit = not schema.rating and not schema.label
    if implicit and not schema.negatives:
        raise InputError(
            "own: without rating and label every row is a 1, and there is nothing to tell apart; "
            "set own.negatives to the number of items to draw as 0 for each row"
        )
    files = open_files(folder, schema)
    interactions = stage_interactions(files.interactions, schema, staged, engine)
    users = _read_entities("user", schema.user, interactions, files.users, schema)
    movies = _read_entities("movie", schema.movie, interactions, files.movies, schema)
    users_table, user_notes = _describe_users(users, files, schema)
    movies_table, movie_notes = _describe_movies(movies, files, schema)
    summary, shown = interactions.summary, files.interactions.shown
    odd = summary.notes(files.interactions, schema)
    dataset = RawDataset(
        users=users_table,
        movies=movies_table,
        interactions=interactions,
        id_texts={"users": users.texts, "movies": movies.texts},
        rated_movies=movies.rated,
        schema=schema,
        rating_scale=find_scale(summary.counts, summary.too_many_values, shown, schema),
        features=schema.features,
        id_types={"users": users.id_type, "movies": movies.id_type},
        # A label of 1 lies above this, a label of 0 does not.
        label_threshold=None if schema.rating else 0.5,
        implicit=implicit,
        notes=(*users.notes, *movies.notes, *user_notes, *movie_notes, *odd),
    )
    if schema.published:
        check_published(dataset, schema.published)
    return dataset


def open_files(folder: Path, schema: Schema) -> Files:
    """Find all files, and read those of users and movies. Raises: InputError."""
    movie_columns = [schema.movie, schema.title] if schema.title else [schema.movie]
    users = movies = None
    interactions = TextFile(folder, schema.ratings)
    if schema.users:
        users = _read(folder, schema.users, [schema.user], schema.user_attributes)
    if schema.movies:
        movies = _read(folder, schema.movies, movie_columns, schema.movie_attributes)
    return Files(interactions, users, movies)


def _read(
    folder: Path, file: File, columns: list[Column], attributes: tuple[Attribute, ...]
) -> TextTable:
    described = [column for attribute in attributes for column in attribute.columns]
    text = TextFile(folder, file)
    table = text.read(list(dict.fromkeys([*columns, *described])))
    if not table.rows:
        raise InputError(f"{text.shown} has no rows below its header; {file.remedy}")
    return table


def _read_entities(
    noun: str,
    column: Column,
    interactions: Interactions,
    listed: TextTable | None,
    schema: Schema,
) -> Entities:
    entities = read_entities(noun, column, interactions, listed, schema.id_type)
    if schema.complete and listed:
        require_listed(entities, column, interactions, listed)
    return entities


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
