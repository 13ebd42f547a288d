"""Scores of the pairs in a file, which passes through in pieces, whatever its length."""

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

IDS = ("userid", "movieid")
SCORE = "score"


def score_file(scorer: PairScorer, source: Path, target: Path, unknown_too: bool = False) -> int:
    """Write the rows of `source` with a column `score` behind their own to `target`.

    Args:
        source: Parquet or CSV, by suffix, with the columns userid and movieid, as published.
        target: Parquet or CSV; appears whole or not at all.
        unknown_too: whether ids that are not known are scored as "unknown", not refused.

    Returns:
        the number of rows.

    Raises:
        InputError: a file or a row is bad; names the row, counted from 1.
    """
    check_suffix(target)
    table = open_source(source)
    schema = output_schema(table, source)
    rows = 0
    with atomic_write(target) as partial, open_writer(partial, target, schema) as writer:
        for piece in _progress(table):
            ids = [_take_ids(piece, name, source, rows) for name in IDS]
            known = scorer.userids, scorer.movieids
            places = [find_rows(*pair) for pair in zip(ids, known, strict=True)]
            if not unknown_too:
                _require_known(known, ids, places, source, rows)
            _write(writer, schema, piece, ids, scorer.score(*places))
            rows += len(piece)
    return rows


def output_schema(table: Source, source: Path) -> pa.Schema:
    """The table's columns, ids as integers, and the score.

    Raises:
        InputError: one of userid and movieid is missing or twice, or there is a score already.
    """
    names = table.schema.names
    for name in IDS:
        if names.count(name) != 1:
            raise InputError(
                f"{source} has the columns {', '.join(names)}; exactly one must be {name}"
            )
    if SCORE in names:
        raise InputError(f"{source} has a column {SCORE} already; rename it")
    fields = [
        pa.field(field.name, pa.int64()) if field.name in IDS else field for field in table.schema
    ]
    return pa.schema([*fields, pa.field(SCORE, pa.float32())])


def _take_ids(piece: pa.RecordBatch, name: str, source: Path, before: int) -> Tensor:
    """A column as raw ids, long, [B].

    Args:
        before: rows of the source before those of the piece.
    """
    column = piece[name]
    if not column.null_count and _are_integers(column):
        return torch.from_numpy(np.array(column.cast(pa.int64())))
    row = next(
        row for row, value in enumerate(column) if not (value.is_valid and _are_integers(value))
    )
    value = column[row].as_py()
    told = "is missing" if value is None else f"= {value!r} is not an integer"
    raise InputError(f"{source} row {before + row + 1}: {name} {told}; correct or remove the row")


def _are_integers(values: pa.Array | pa.Scalar) -> bool:
    try:
        values.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _require_known(
    known_ids: tuple[Tensor, Tensor],
    ids: list[Tensor],
    places: list[Tensor],
    source: Path,
    before: int,
) -> None:
    for name, values, rows, known in zip(IDS, ids, places, known_ids, strict=True):
        unknown = (rows == len(known)).nonzero()
        if len(unknown):
            row = int(unknown[0])
            raise InputError(
                f"{source} row {before + row + 1}: {name} = {int(values[row])} is none of the "
                f"{len(known):,} of the data set ({known[0]} to {known[-1]}); correct or remove "
                "the row, or score it as unknown with --unknown score"
            )


def _write(
    writer: Writer,
    schema: pa.Schema,
    piece: pa.RecordBatch,
    ids: list[Tensor],
    scores: Floats,
) -> None:
    columns = dict(zip(piece.schema.names, piece.columns, strict=True))
    columns |= {name: pa.array(values.numpy()) for name, values in zip(IDS, ids, strict=True)}
    columns[SCORE] = pa.array(scores)
    writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def _progress(table: Source) -> Iterator[pa.RecordBatch]:
    # `None` shows the bar on a terminal only.
    with tqdm(total=table.rows, unit="pair", unit_scale=True, disable=None) as bar:
        for piece in table.pieces:
            if len(piece):
                yield piece
                bar.update(len(piece))
