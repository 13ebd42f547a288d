"""Scores the pairs in a file, piece by piece, so that files of any length fit in memory.

Shapes: B pairs of a piece.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import torch
from tqdm import tqdm

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.params import show, show_key
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.predict.streams import (
    Source,
    answer_fields,
    check_suffix,
    open_source,
    open_writer,
)

# For each column of ids, the table with the published ids.
ID_COLUMNS = {"userid": "users", "movieid": "movies"}
# The types of columns that may hold ids.
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
ID_TYPES = (*NUMBERS, *TEXTS, pa.types.is_null)
WHOLE_NUMBER = r"^[+-]?[0-9]+(\.0*)?$"
# How many columns an error message lists.
MAX_NAMES = 20


def score_file(
    scorer: CheckpointModel,
    source: Path,
    target: Path,
    score_unknown: bool = False,
    time_column: str | None = None,
) -> int:
    """Copy the rows of `source` to `target`, with the columns of `answer_fields` behind the others.

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
    schema = output_schema(table, source, scorer, time_column)
    done = 0
    with atomic_write(target) as partial, open_writer(partial, target, schema) as writer:
        for batch in _progress(table):
            piece = Piece(batch, source, done)
            scored = score_piece(scorer, piece, schema, score_unknown, time_column)
            try:
                writer.write_batch(scored)
            except pa.ArrowException as error:
                reason = " ".join(str(error).split())
                raise InputError(f"{source} cannot be written to {target}: {reason}") from error
            done += len(batch)
    return done


def output_schema(
    table: Source, source: Path, scorer: CheckpointModel, time_column: str | None
) -> pa.Schema:
    """The table's columns, with ids of the data set's type, and the answers.

    Raises:
        InputError: the table does not have exactly one userid and one movieid, their type can hold
            no ids, or the table already has a column of the answers.
    """
    names = table.schema.names
    for name in ID_COLUMNS:
        if names.count(name) != 1:
            listed = ", ".join(map(show_key, names[:MAX_NAMES])) or "none"
            more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
            raise InputError(f"{source} has the columns {listed}{more}; exactly one must be {name}")
        kind = table.schema.field(name).type
        value_kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not any(is_kind(value_kind) for is_kind in ID_TYPES):
            raise InputError(
                f"{source}: {name} has the type {kind}; ids are whole numbers or texts"
            )
    if time_column and names.count(time_column) != 1:
        raise InputError(f"{source} has {names.count(time_column)} columns {show_key(time_column)}")
    answers = answer_fields(scorer.heads)
    for field in answers:
        if field.name in names:
            raise InputError(f"{source} already has a column {field.name}; rename it")
    # Integers have 64 bits here, also where the data set needs fewer.
    id_types = scorer.dimensions.vocabulary.id_types
    types = {
        name: pa.string() if id_types[side] == "string" else pa.int64()
        for name, side in ID_COLUMNS.items()
    }
    fields = [field.with_type(types.get(field.name, field.type)) for field in table.schema]
    return pa.schema([*fields, *answers])


class Piece(NamedTuple):
    """Some rows of a file.

    Attributes:
        batch: the rows.
        source: the file.
        before: the number of rows of the file before these.
    """

    batch: pa.RecordBatch
    source: Path
    before: int

    def place(self, row: int) -> str:
        """Where a row of the batch, from 0, is in the file."""
        return f"{self.source} row {self.before + row + 1}"


def score_piece(
    scorer: CheckpointModel,
    piece: Piece,
    schema: pa.Schema,
    score_unknown: bool,
    time_column: str | None,
) -> pa.RecordBatch:
    """The rows of a piece with their scores. Raises: InputError, as `score_file`."""
    ids = {name: read_values(piece, name, schema.field(name).type) for name in ID_COLUMNS}
    rows = {}
    for name, table in ID_COLUMNS.items():
        known = scorer.dimensions.ids[table]
        rows[name] = torch.from_numpy(known.find(ids[name]))
        unknown = rows[name] == len(known)
        if unknown.any() and not score_unknown:
            row = int(unknown.nonzero()[0])
            raise InputError(
                f"{piece.place(row)}: {known.refusal(ids[name][row].as_py())}; correct or remove "
                "the row, or score it as unknown with --unknown score"
            )
    seconds = None
    if time_column:
        seconds = torch.tensor(read_values(piece, time_column, pa.int64()).to_numpy())
    answers = scorer.score(rows["userid"], rows["movieid"], seconds)
    named = zip(piece.batch.schema.names, piece.batch.columns, strict=True)
    columns = [ids.get(name, column) for name, column in named]
    columns += [pa.array(answer) for answer in answers if answer is not None]
    return pa.record_batch(columns, schema=schema)


def read_values(piece: Piece, name: str, kind: pa.DataType) -> pa.Array:
    """A column of a piece as integers, or as the texts of own data's ids, [B].

    An integer is a whole number of any type: 3, 3.0, or their texts, with spaces around.

    Args:
        kind: the type of the result.

    Raises:
        InputError: a value is missing or none of these.
    """
    column = piece.batch[name]
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = _convert(column, kind)
    if values is not None:
        return values
    row = next(row for row in range(len(column)) if _convert(column.slice(row, 1), kind) is None)
    value = column[row].as_py()
    noun = "a text" if kind == pa.string() else "an integer"
    problem = "is missing" if value is None else f"= {show(value)} is not {noun}"
    raise InputError(f"{piece.place(row)}: {name} {problem}; correct or remove the row")


def _convert(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """The values as integers or texts; None if one is missing or cannot be converted."""
    try:
        if kind != pa.string() and any(is_text(column.type) for is_text in TEXTS):
            column = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
            if not pc.all(pc.match_substring_regex(column, WHOLE_NUMBER)).as_py():
                return None
            column = pc.replace_substring_regex(column, r"^\+|\.0*$", "")
        return None if column.null_count else column.cast(kind)
    except pa.ArrowException:
        return None


def _progress(table: Source) -> Iterator[pa.RecordBatch]:
    # With `None`, tqdm shows the bar only on a terminal.
    with tqdm(total=table.rows, unit="pair", unit_scale=True, disable=None) as bar:
        for batch in table.pieces:
            if len(batch):
                yield batch
                bar.update(len(batch))
