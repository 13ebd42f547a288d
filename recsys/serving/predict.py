"""Scores the pairs in a file, piece by piece, so that files of any length fit in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from tqdm import tqdm

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.rating_scale import Floats
from recsys.dataloader.pairs import find_rows
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.streams import Source, Writer, check_suffix, open_source, open_writer

ID_COLUMNS = ("userid", "movieid")
SCORE_COLUMN = "score"


def score_file(scorer: PairScorer, source: Path, target: Path, score_unknown: bool = False) -> int:
    """Copy the rows of `source` to `target`, with `score` as an additional last column.

    Args:
        source: Parquet or CSV, by its suffix, with published ids in the columns userid and movieid.
        target: Parquet or CSV; written atomically.
        score_unknown: score ids that the data set does not have as "unknown", instead of refusing
            them.

    Returns:
        the number of rows.

    Raises:
        InputError: a file or a row is bad; the message names the row, counted from 1.
    """
    check_suffix(target)
    table = open_source(source)
    schema = output_schema(table, source)
    rows = 0
    with atomic_write(target) as partial, open_writer(partial, target, schema) as writer:
        for piece in _progress(table):
            ids = [_read_ids(piece, name, source, rows) for name in ID_COLUMNS]
            known_ids = scorer.userids, scorer.movieids
            found = [find_rows(*pair) for pair in zip(ids, known_ids, strict=True)]
            if not score_unknown:
                _require_known(known_ids, ids, found, source, rows)
            _write(writer, schema, piece, ids, scorer.score(*found))
            rows += len(piece)
    return rows


def output_schema(table: Source, source: Path) -> pa.Schema:
    """The table's columns, with ids as integers, and the score.

    Raises:
        InputError: the table does not have exactly one userid and one movieid, or it already has a
            score.
    """
    names = table.schema.names
    for name in ID_COLUMNS:
        if names.count(name) != 1:
            raise InputError(
                f"{source} has the columns {', '.join(names)}; exactly one must be {name}"
            )
    if SCORE_COLUMN in names:
        raise InputError(f"{source} already has a column {SCORE_COLUMN}; rename it")
    fields = [
        pa.field(field.name, pa.int64()) if field.name in ID_COLUMNS else field
        for field in table.schema
    ]
    return pa.schema([*fields, pa.field(SCORE_COLUMN, pa.float32())])


def _read_ids(piece: pa.RecordBatch, name: str, source: Path, rows_before: int) -> Tensor:
    """A column of a piece as published ids, long, [B].

    Args:
        rows_before: the number of rows of the source before the piece.
    """
    column = piece[name]
    if not column.null_count and _are_integers(column):
        return torch.from_numpy(np.array(column.cast(pa.int64())))
    row = next(
        row for row, value in enumerate(column) if not (value.is_valid and _are_integers(value))
    )
    value = column[row].as_py()
    problem = "is missing" if value is None else f"= {value!r} is not an integer"
    raise InputError(
        f"{source} row {rows_before + row + 1}: {name} {problem}; correct or remove the row"
    )


def _are_integers(values: pa.Array | pa.Scalar) -> bool:
    try:
        values.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _require_known(
    known_ids: tuple[Tensor, Tensor],
    ids: list[Tensor],
    found: list[Tensor],
    source: Path,
    rows_before: int,
) -> None:
    """Check that the data set has all ids of a piece.

    Args:
        known_ids: the users and movies of the data set, [U], [M]
        ids: of the piece, [B] each
        found: the rows of these ids in `known_ids`, from `find_rows`, [B] each
        rows_before: the number of rows of the source before the piece.

    Raises:
        InputError: it does not.
    """
    for name, values, rows, known in zip(ID_COLUMNS, ids, found, known_ids, strict=True):
        unknown = (rows == len(known)).nonzero()
        if len(unknown):
            row = int(unknown[0])
            raise InputError(
                f"{source} row {rows_before + row + 1}: {name} = {int(values[row])} is none of the "
                f"{len(known):,} ids of the data set ({known[0]} to {known[-1]}); correct or "
                "remove the row, or score it as unknown with --unknown score"
            )


def _write(
    writer: Writer,
    schema: pa.Schema,
    piece: pa.RecordBatch,
    ids: list[Tensor],
    scores: Floats,
) -> None:
    columns = dict(zip(piece.schema.names, piece.columns, strict=True))
    columns |= {
        name: pa.array(values.numpy()) for name, values in zip(ID_COLUMNS, ids, strict=True)
    }
    columns[SCORE_COLUMN] = pa.array(scores)
    writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def _progress(table: Source) -> Iterator[pa.RecordBatch]:
    # With `None`, tqdm shows the bar only on a terminal.
    with tqdm(total=table.rows, unit="pair", unit_scale=True, disable=None) as bar:
        for piece in table.pieces:
            if len(piece):
                yield piece
                bar.update(len(piece))
