"""The users and the movies: their ids, and the attributes in their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys.common.arrays import Floats, Ints, Mask
from recsys.data.files.columns import DictionaryColumn, encode_texts, parse_numbers, read_ids
from recsys.data.files.text_table import TextTable
from recsys.data.reading.interactions import Interactions
from recsys.data.reading.oddities import count_ids, find_alike, find_spaced
from recsys.data.schema import Attribute, Column

# 19 digits may be more than 64 bits hold; Arrow refuses those.
WHOLE_NUMBER = r"^(0|-?[1-9][0-9]{0,18})$"
ID_TYPES = {"int32": pa.int32(), "int64": pa.int64()}


@dataclass(frozen=True)
class Entities:
    """The users or the movies, ascending by id.

    Attributes:
        noun: user or movie.
        ids: integers, or texts as Python objects, [E]
        texts: the ids as the files have them, [E]
        id_type: the name of their Arrow type.
        file_row: the row in the users or movies file; -1 for an id that it does not list, [E]
        rated: the number of those with an interaction.
        notes: notes about odd ids, for the user to read.
    """

    noun: str
    ids: npt.NDArray[Any]
    texts: pa.StringArray
    id_type: str
    file_row: Ints
    rated: int
    notes: tuple[str, ...]


def read_entities(
    noun: str, column: Column, interactions: Interactions, listed: TextTable | None, id_type: str
) -> Entities:
    """Find the users or movies in the interactions and in the file that lists them.

    Ids are integers of 64 bits if all of them are, in both files; else all are texts.

    Args:
        noun: user or movie.
        column: the column of the ids, in both files.
        listed: the users or movies file.
        id_type: the type that the ids must have; "" for the rule above.

    Raises:
        InputError: an id is empty, occurs twice in the users or movies file, or is not of
            `id_type`.
    """
    used = interactions.find_ids(noun)
    known = DictionaryColumn(np.empty(0, np.int32), pa.array([], pa.string()))
    notes = []
    if listed is not None:
        known = read_ids(listed, column)
        listed.refuse_where(pd.Series(known.codes).duplicated().to_numpy(), column, "occurs twice")
        if known.spaced:
            notes.append(find_spaced(column, listed.file.shown, known.spaced))
    # The ids of the file come first, in its order.
    every = encode_texts(pa.chunked_array([known.texts, used])).texts
    numbers = _to_integers(every, id_type or "int64")
    if numbers is None and id_type:
        problem = f"is not a whole number of {id_type.removeprefix('int')} bits"
        if listed is not None:
            listed.refuse_where(_is_wrong(known.texts, id_type)[known.codes], column, problem)
        interactions.refuse(noun, column, used.filter(_is_wrong(used, id_type)), problem)
    ids = every if numbers is None else numbers
    order = pc.sort_indices(ids).to_numpy().astype(np.intp)
    if numbers is None:
        notes += find_alike(f"ids of {column.shown}", every, ids=True)
    return Entities(
        noun=noun,
        ids=ids.to_numpy(zero_copy_only=False)[order],
        texts=every.take(order),
        id_type="string" if numbers is None else id_type or "int64",
        file_row=np.where(order < len(known.texts), order, -1),
        rated=len(used),
        notes=tuple(notes),
    )


def _to_integers(texts: pa.StringArray, id_type: str) -> pa.Array | None:
    """The integers that all of the texts are, in their usual spelling; None if one is none."""
    if not pc.all(pc.match_substring_regex(texts, WHOLE_NUMBER)).as_py():
        return None
    try:
        return pc.cast(texts, ID_TYPES[id_type])
    except pa.ArrowInvalid:
        return None


def _is_wrong(texts: pa.StringArray, id_type: str) -> Mask:
    """Whether each text is no whole number of a type, [T]"""
    whole = pc.match_substring_regex(texts, WHOLE_NUMBER)
    numbers = parse_numbers(pc.if_else(whole, texts, "inf"))
    wrong: Mask = np.abs(numbers) >= 2 ** (int(id_type.removeprefix("int")) - 1)
    return wrong


def require_listed(
    entities: Entities, column: Column, interactions: Interactions, listed: TextTable
) -> None:
    """Check that the file lists all rated movies, or all users who rate. Raises: InputError."""
    unknown = entities.texts.filter(entities.file_row < 0)
    problem = f"is not in {listed.file.shown}{{more}}"
    interactions.refuse(entities.noun, column, unknown, problem)


def describe_titles(
    entities: Entities, table: TextTable | None, column: Column | None
) -> tuple[npt.NDArray[np.object_], list[str]]:
    """The title of each movie, or its id if it has no title, [E]; and notes about odd titles."""
    titles = np.array([str(identity) for identity in entities.ids], object)
    if table is None or column is None:
        return titles, []
    listed = table.texts(column).to_numpy()[entities.file_row]
    has_row = entities.file_row >= 0
    has_title = has_row & (listed != "")
    what = f"movies without {column.shown}, whose title is their id"
    notes = count_ids(what, has_row & ~has_title, entities.ids)
    return np.where(has_title, listed, titles), notes


def describe_attribute(
    entities: Entities, table: TextTable, attribute: Attribute
) -> tuple[pd.Series, list[str]]:
    """The values of an attribute, [E], and notes about odd values.

    A user or movie that the file does not list has the value of an empty text.

    Raises:
        InputError: a value is wrong.
    """
    file_row = entities.file_row
    has_row = file_row >= 0
    if attribute.kind == "number":
        numbers = _standardise(table, attribute.columns[0])[file_row]
        return pd.Series(np.where(has_row, numbers, 0), dtype=np.float32), []
    if attribute.kind == "category":
        coded = encode_texts(table.texts(attribute.columns[0]))
        _require_allowed(table, attribute, coded)
        texts = coded.texts.to_numpy(zero_copy_only=False)[coded.codes[file_row]]
        values = pd.Series(np.where(has_row, texts, ""), dtype=object)
        return values, find_alike(f"values of {attribute.shown}", coded.texts)
    by_row = (_flags if attribute.kind == "flags" else _lists)(table, attribute)
    listed = [by_row[row] if row >= 0 else [] for row in file_row]
    names = list(dict.fromkeys(name for names in by_row for name in names))
    notes = find_alike(f"values of {attribute.shown}", pa.array(names, pa.string()))
    empty = np.array([not names for names in listed])
    notes += count_ids(f"{entities.noun}s without {attribute.shown}", empty, entities.ids)
    return pd.Series(listed, dtype=object), notes


def _standardise(table: TextTable, column: Column) -> Floats:
    """The numbers of a column with mean 0 and deviation 1, [rows]. A missing number is 0."""
    coded = encode_texts(table.texts(column))
    filled = pc.not_equal(coded.texts, "").to_numpy(zero_copy_only=False)
    different = parse_numbers(coded.texts)
    wrong = filled & ~np.isfinite(different)
    table.refuse_where(wrong[coded.codes], column, "is not a number")
    numbers = np.where(filled, different, np.nan)[coded.codes]
    if not np.isfinite(numbers).any():
        return np.zeros(table.rows)
    with np.errstate(over="raise", invalid="raise"):
        try:
            scaled = (numbers - np.nanmean(numbers)) / (np.nanstd(numbers) + 1e-6)
        except FloatingPointError as error:
            largest = int(np.nanargmax(np.abs(numbers)))
            raise table.error(largest, column, "is too large a number") from error
    return np.nan_to_num(scaled)


def _require_allowed(table: TextTable, attribute: Attribute, coded: DictionaryColumn) -> None:
    if not attribute.allowed:
        return
    allowed = attribute.allowed
    wrong = ~pc.is_in(coded.texts, pa.array(allowed)).to_numpy(zero_copy_only=False)
    choice = f"{allowed[0]} to {allowed[-1]}" if len(allowed) > 5 else ", ".join(allowed)
    table.refuse_where(wrong[coded.codes], attribute.columns[0], f"is none of {choice}")


def _lists(table: TextTable, attribute: Attribute) -> list[list[str]]:
    """The texts that each row lists, each once."""
    coded = encode_texts(table.texts(attribute.columns[0]))
    lists = []
    for text in coded.texts.to_pylist():
        names = (name.strip() for name in text.split(attribute.separator))
        lists.append(
            list(dict.fromkeys(name for name in names if name not in attribute.missing_values))
        )
    return [lists[code] for code in coded.codes]


def _flags(table: TextTable, attribute: Attribute) -> list[list[str]]:
    """The names of the columns that are 1 in each row."""
    lists: list[list[str]] = [[] for _ in range(table.rows)]
    for column in attribute.columns:
        coded = encode_texts(table.texts(column))
        wrong = ~pc.is_in(coded.texts, pa.array(["0", "1"])).to_numpy(zero_copy_only=False)
        table.refuse_where(wrong[coded.codes], column, "is neither 0 nor 1")
        if column.name not in attribute.missing_values and table.rows:
            flags = pc.equal(coded.texts, "1").to_numpy(zero_copy_only=False)[coded.codes]
            for row in np.flatnonzero(flags):
                lists[row].append(column.name)
    return lists


def describe_entities(
    entities: Entities, table: TextTable | None, attributes: Sequence[Attribute]
) -> tuple[pd.DataFrame, list[str]]:
    """A column for each attribute, null without a file; and notes about odd values."""
    index = pd.RangeIndex(len(entities.ids))
    if table is None:
        return pd.DataFrame({attribute.name: None for attribute in attributes}, index), []
    what = f"{entities.noun}s that are not in {table.file.shown}"
    notes = count_ids(what, entities.file_row < 0, entities.ids)
    described = pd.DataFrame(index=index)
    for attribute in attributes:
        described[attribute.name], odd = describe_attribute(entities, table, attribute)
        notes += odd
    return described, notes
