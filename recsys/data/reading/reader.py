"""Read the raw files of a data set, as its schema describes them, into tables."""

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
from recsys.data.reading.interactions import drop_repeats, find_scale, read_ratings
from recsys.data.reading.oddities import count_ids, find_one_time, find_times_without_zone
from recsys.data.reading.published import check_published
from recsys.data.schema import Attribute, Column, File, Schema


@dataclass(frozen=True)
class Files:
    """The files of a data set as texts; None for one that there is not."""

    interactions: TextTable
    users: TextTable | None
    items: TextTable | None


def read_dataset(folder: Path, schema: Schema) -> RawDataset:
    """Read and check the raw files in `folder`.

    Raises:
        InputError: a file or a value is wrong; names the file, the line and the value.
    """
    files = open_files(folder, schema)
    users = _read_entities("user", schema.user, files, files.users, schema)
    items = _read_entities("item", schema.item, files, files.items, schema)
    ratings, odd = _read_interactions(users, items, files, schema)
    ratings, notes = drop_repeats(ratings, users, items, files.interactions, schema)
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
    described_users, user_notes = _describe_users(users, files, schema)
    described_items, item_notes = _describe_items(items, files, schema)
    tables = RawDataset(
        users=described_users,
        movies=described_items,
        ratings=ratings,
        rating_scale=find_scale(ratings["rating"], files.interactions, schema),
        features=schema.features,
        id_types={"users": users.id_type, "movies": items.id_type},
        # A label of 1 lies above this, a label of 0 does not.
        label_threshold=None if schema.rating else 0.5,
        implicit=implicit,
        notes=(*notes, *users.notes, *items.notes, *user_notes, *item_notes, *odd),
    )
    if schema.published:
        check_published(tables, schema.published, files.interactions)
    return tables


def open_files(folder: Path, schema: Schema) -> Files:
    """Read the columns of the schema from each file. Raises: InputError."""
    wanted = [schema.user, schema.item, schema.rating, schema.label, schema.time]
    columns = list(dict.fromkeys(column for column in wanted if column))
    interactions = TextTable(folder, schema.interactions, columns)
    if not interactions.rows:
        raise InputError(
            f"{interactions.shown} has no interactions below its header; {interactions.file.remedy}"
        )
    return Files(
        interactions,
        _open_listed(folder, schema.users, (schema.user,), schema.user_attributes),
        _open_listed(
            folder,
            schema.items,
            (schema.item, schema.title) if schema.title else (schema.item,),
            schema.item_attributes,
        ),
    )


def _open_listed(
    folder: Path,
    file: File | None,
    columns: tuple[Column, ...],
    attributes: tuple[Attribute, ...],
) -> TextTable | None:
    described = [column for attribute in attributes for column in attribute.columns]
    if file is None:
        return None
    table = TextTable(folder, file, list(dict.fromkeys([*columns, *described])))
    if not table.rows:
        raise InputError(f"{table.shown} has no rows below its header; {file.remedy}")
    return table


def _read_entities(
    noun: str, column: Column, files: Files, listed: TextTable | None, schema: Schema
) -> Entities:
    entities = read_entities(noun, column, files.interactions, listed, schema.id_type)
    if schema.complete and listed:
        require_listed(entities, column, files.interactions, listed)
    # The texts take more memory than the rows that they become.
    files.interactions.drop(column)
    return entities


def _read_interactions(
    users: Entities, items: Entities, files: Files, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    """The row of the user and of the item, the stars and the time of each row; and odd times."""
    table, odd = files.interactions, list[str]()
    stars = read_ratings(table, schema)
    table.drop(schema.rating, schema.label)
    times = np.zeros(table.rows, np.int64)
    if schema.time:
        times = read_times(table, schema.time, schema.time_format)
        if schema.time_format == "iso":
            odd = find_times_without_zone(table, schema.time)
        table.drop(schema.time)
    columns = {
        "user": users.interactions,
        "movie": items.interactions,
        "rating": stars,
        "timestamp": times,
    }
    return pd.DataFrame(columns, copy=False), odd


def _describe_users(
    users: Entities, files: Files, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    described, notes = describe_entities(users, files.users, schema.user_attributes)
    described.insert(0, "userid", users.ids)
    # The dense input of a model of own data without any other.
    if any(feature.source == "bias" for feature in schema.features):
        described["bias"] = np.float32(1)
    return described, notes


def _describe_items(
    items: Entities, files: Files, schema: Schema
) -> tuple[pd.DataFrame, list[str]]:
    described, notes = describe_entities(items, files.items, schema.item_attributes)
    titles, untitled = describe_titles(items, files.items, schema.title)
    described.insert(0, "movieid", items.ids)
    described.insert(1, "title", titles)
    return described, untitled + notes
