"""Scores the pairs in a file, piece by piece, so that files of any length fit in memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from tqdm import tqdm

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.params import show, show_key
from recsys.common.rating_scale import Floats
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.predict.streams import (
    Source,
    check_columns,
    check_suffix,
    open_source,
    open_writer,
)

# By column of ids, the table that has them.
ID_COLUMNS = {"userid": "users", "movieid": "movies"}
SCORE_COLUMN = "score"
# The types of columns that may hold ids.
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
WHOLE_NUMBER = r"^[+-]?[0-9]+(\.0*)?$"
# How many columns an error message lists.
MOST_NAMES = 20


def score_file(
    scorer: PairScorer,
    source: Path,
    target: Path,
    score_unknown: bool = False,
    time_column: str | None = None,
) -> int:
    """Copy the rows of `source` to `target`, with `score` as an additional last column.

    Args:
        source: Parquet or CSV, by its suffix, with published ids in the columns userid and movieid.
        target: Parquet or CSV; written atomically.
        score_unknown: score ids that the data set does not have as "unknown", instead of refusing
            them.
        time_column: the column with the time of each score, in seconds since 1970; None for the
            second after the user's last rating.

    Returns:
        the number of rows.

    Raises:
        InputError: a file or a row is bad; the message names the row, counted from 1.
    """
    check_suffix(target)
    table = open_source(source)
    schema = output_schema(table, source, scorer.dimensions.vocabulary.id_types, time_column)
    check_columns(schema, source, target)
    rows = 0
    with atomic_write(target) as partial, open_writer(partial, target, schema) as writer:
        for piece in _progress(table):
            ids = {name: _read_ids(piece, name, schema, source, rows) for name in ID_COLUMNS}
            found = [scorer.find(table, ids[name]) for name, table in ID_COLUMNS.items()]
            if not score_unknown:
                _require_known(scorer, ids, found, source, rows)
            seconds = _read_times(piece, time_column, source, rows) if time_column else None
            users, movies = found
            columns = _output_columns(piece, ids, scorer.score(users, movies, seconds))
            try:
                writer.write_batch(pa.record_batch(columns, schema=schema))
            except pa.ArrowException as error:
                reason = " ".join(str(error).split())
                raise InputError(f"{source} cannot be written to {target}: {reason}") from error
            rows += len(piece)
    return rows


def output_schema(
    table: Source, source: Path, id_types: Mapping[str, str], time_column: str | None = None
) -> pa.Schema:
    """The table's columns, with ids of the data set's type, and the score.

    Args:
        id_types: the names of the ids' Arrow types, by table.

    Raises:
        InputError: the table does not have exactly one userid and one movieid, their type is that
            of no id, or the table already has a score.
    """
    names = table.schema.names
    for name in ID_COLUMNS:
        if names.count(name) != 1:
            listed = ", ".join(map(show_key, names[:MOST_NAMES])) or "none"
            more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
            raise InputError(f"{source} has the columns {listed}{more}; exactly one must be {name}")
        kind = table.schema.field(name).type
        if not _may_hold_ids(kind):
            raise InputError(
                f"{source}: {name} has the type {kind}; ids are whole numbers or texts"
            )
    if time_column and names.count(time_column) != 1:
        raise InputError(f"{source} has {names.count(time_column)} columns {show_key(time_column)}")
    if SCORE_COLUMN in names:
        raise InputError(f"{source} already has a column {SCORE_COLUMN}; rename it")
    # Integers have 64 bits here, whatever is enough for the data set's.
    types = {
        name: pa.string() if id_types[side] == "string" else pa.int64()
        for name, side in ID_COLUMNS.items()
    }
    fields = [field.with_type(types.get(field.name, field.type)) for field in table.schema]
    return pa.schema([*fields, pa.field(SCORE_COLUMN, pa.float32())])


def _may_hold_ids(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(is_kind(kind) for is_kind in (*NUMBERS, *TEXTS, pa.types.is_null))


def _read_ids(
    piece: pa.RecordBatch, name: str, schema: pa.Schema, source: Path, rows_before: int
) -> pa.Array:
    """A column of a piece as published ids of the schema's type, [B].

    An integer is a whole number, whatever its type: 3, 3.0, or a text of one, with spaces around.

    Args:
        rows_before: the number of rows of the source before the piece.
    """
    column, kind = piece[name], schema.field(name).type
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    ids = _convert(column, kind)
    if ids is not None and not ids.null_count:
        return ids
    row = next(row for row in range(len(column)) if not _is_id(column.slice(row, 1), kind))
    value = column[row].as_py()
    noun = "a text" if kind == pa.string() else "an integer"
    problem = "is missing" if value is None else f"= {show(value)} is not {noun}"
    raise InputError(
        f"{source} row {rows_before + row + 1}: {name} {problem}; correct or remove the row"
    )


def _read_times(piece: pa.RecordBatch, name: str, source: Path, rows_before: int) -> Tensor:
    """A column of a piece as seconds since 1970, long, [B]."""
    schema = pa.schema([(name, pa.int64())])
    return torch.from_numpy(_read_ids(piece, name, schema, source, rows_before).to_numpy().copy())


def _convert(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """The values as integers or texts, null where one is missing; None where one cannot be."""
    try:
        if kind != pa.string() and any(is_text(column.type) for is_text in TEXTS):
            column = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
            if not pc.all(pc.match_substring_regex(column, WHOLE_NUMBER)).as_py():
                return None
            column = pc.replace_substring_regex(column, r"^\+|\.0*$", "")
        return column.cast(kind)
    except pa.ArrowException:
        return None


def _is_id(value: pa.Array, kind: pa.DataType) -> bool:
    ids = _convert(value, kind)
    return ids is not None and not ids.null_count


def _require_known(
    scorer: PairScorer,
    ids: dict[str, pa.Array],
    found: list[Tensor],
    source: Path,
    rows_before: int,
) -> None:
    """Check that the data set has all ids of a piece.

    Args:
        ids: of the piece, by column, [B] each
        found: the rows of these ids in the data set, from `PairScorer.find`, [B] each
        rows_before: the number of rows of the source before the piece.

    Raises:
        InputError: it does not.
    """
    for (name, table), rows in zip(ID_COLUMNS.items(), found, strict=True):
        known = scorer.dimensions.raw_ids(table)
        unknown = (rows == len(known)).nonzero()
        if len(unknown):
            row = int(unknown[0])
            raise InputError(
                f"{source} row {rows_before + row + 1}: {name} = {ids[name][row]} is none of the "
                f"{len(known):,} ids of the data set ({known[0]} to {known[-1]}); correct or "
                "remove the row, or score it as unknown with --unknown score"
            )


def _output_columns(
    piece: pa.RecordBatch, ids: Mapping[str, pa.Array], scores: Floats
) -> list[pa.Array]:
    """The piece's columns, with ids of the schema's type, and the scores."""
    columns = zip(piece.schema.names, piece.columns, strict=True)
    return [*(ids.get(name, column) for name, column in columns), pa.array(scores)]


def _progress(table: Source) -> Iterator[pa.RecordBatch]:
    # With `None`, tqdm shows the bar only on a terminal.
    with tqdm(total=table.rows, unit="pair", unit_scale=True, disable=None) as bar:
        for piece in table.pieces:
            if len(piece):
                yield piece
                bar.update(len(piece))
