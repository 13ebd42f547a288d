"""Tables of the user's own, Parquet or CSV by their suffix, that pass through in pieces."""

import csv as text
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from recsys.common.errors import InputError

SUFFIXES = (".parquet", ".csv")
# Rows of a Parquet piece; bytes of a CSV one, which are about as many.
PIECE_ROWS, PIECE_BYTES = 2**18, 2**22
# Of each column that is being read.
BUFFER_BYTES = 2**20


class Writer(Protocol):
    """Of Parquet or of CSV."""

    def write_batch(self, batch: pa.RecordBatch) -> None: ...

    def __enter__(self) -> "Writer": ...

    def __exit__(self, *_: Any) -> None: ...


@dataclass(frozen=True)
class Source:
    """A table that is read once.

    Attributes:
        schema: its columns; those of a CSV file are text, which keeps them as they are.
        rows: how many it has, where the file says so.
        pieces: its rows in order.
    """

    schema: pa.Schema
    rows: int | None
    pieces: Iterator[pa.RecordBatch]


def check_suffix(path: Path) -> None:
    """Raises: InputError: it is neither Parquet's nor CSV's."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: its name must end in {' or '.join(SUFFIXES)}")


def open_source(path: Path) -> Source:
    """Raises: InputError: the file is missing, damaged or empty, now or while it is read."""
    check_suffix(path)
    opener: Callable[[Path], Source] = _open_csv if path.suffix == ".csv" else _open_parquet
    try:
        source = opener(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    return Source(source.schema, source.rows, _told(path, source.pieces))


def open_writer(path: Path, target: Path, schema: pa.Schema) -> Writer:
    """A writer to `path` in the format of the name `target`."""
    writer: Writer
    if target.suffix == ".csv":
        writer = csv.CSVWriter(path, schema)
    else:
        # Numbers that hardly repeat cost time and bytes in a dictionary.
        repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
        writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated)
    return writer


def _open_parquet(path: Path) -> Source:
    # Else it keeps what it has read of each row group.
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
    return Source(file.schema_arrow, file.metadata.num_rows, file.iter_batches(PIECE_ROWS))


def _open_csv(path: Path) -> Source:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = next(text.reader(file), [])

    bad: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    reader = csv.open_csv(
        path,
        # Only one thread can tell the number of a row.
        csv.ReadOptions(use_threads=False, block_size=PIECE_BYTES),
        csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )

    def pieces() -> Iterator[pa.RecordBatch]:
        yield from takewhile(lambda _: not bad, reader)
        if bad:
            raise InputError(
                # The first line is none of the rows.
                f"{path} row {bad[0].number - 1} has {bad[0].actual_columns} columns, the first "
                f"line {bad[0].expected_columns}; correct the row"
            )

    return Source(reader.schema, None, pieces())


def _told(path: Path, pieces: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from pieces
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} cannot be read: {' '.join(str(error).split())}")
