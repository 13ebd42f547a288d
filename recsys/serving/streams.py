"""Reads and writes Parquet and CSV files of any length, piece by piece."""

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
# The rows of a piece of a Parquet file, and the bytes of a piece of a CSV file: about as many rows.
PIECE_ROWS, PIECE_BYTES = 2**18, 2**22
# The read buffer of each column of a Parquet file.
BUFFER_BYTES = 2**20


class Writer(Protocol):
    """A writer of Parquet or CSV."""

    def write_batch(self, batch: pa.RecordBatch) -> None: ...

    def __enter__(self) -> "Writer": ...

    def __exit__(self, *_: Any) -> None: ...


@dataclass(frozen=True)
class Source:
    """A table that can be read once.

    Attributes:
        schema: the columns; those of a CSV file are text, so that they are copied unchanged.
        rows: the number of rows; None for a CSV file, which does not record it.
        pieces: the rows in order.
    """

    schema: pa.Schema
    rows: int | None
    pieces: Iterator[pa.RecordBatch]


def check_suffix(path: Path) -> None:
    """Check that a file's suffix is that of Parquet or CSV.

    Raises:
        InputError: it is not.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: its name must end in {' or '.join(SUFFIXES)}")


def open_source(path: Path) -> Source:
    """Open a Parquet or CSV file for reading.

    Raises:
        InputError: the file is missing, damaged or empty. Reading the pieces may raise this too.
    """
    check_suffix(path)
    opener: Callable[[Path], Source] = _open_csv if path.suffix == ".csv" else _open_parquet
    try:
        source = opener(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    return Source(source.schema, source.rows, _convert_errors(path, source.pieces))


def open_writer(path: Path, target: Path, schema: pa.Schema) -> Writer:
    """Open `path` for writing, in the format of the suffix of `target`."""
    writer: Writer
    if target.suffix == ".csv":
        writer = csv.CSVWriter(path, schema)
    else:
        # Floats hardly repeat, so a dictionary of them would only cost time and bytes.
        repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
        writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated)
    return writer


def _open_parquet(path: Path) -> Source:
    # With `pre_buffer`, the file would keep all row groups that it has read in memory.
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
    return Source(file.schema_arrow, file.metadata.num_rows, file.iter_batches(PIECE_ROWS))


def _open_csv(path: Path) -> Source:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = next(text.reader(file), [])

    bad_rows: list[csv.InvalidRow] = []

    def record_bad_row(row: csv.InvalidRow) -> str:
        bad_rows.append(row)
        return "skip"

    reader = csv.open_csv(
        path,
        # Arrow knows the number of a bad row only when a single thread reads.
        csv.ReadOptions(use_threads=False, block_size=PIECE_BYTES),
        csv.ParseOptions(newlines_in_values=True, invalid_row_handler=record_bad_row),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )

    def pieces() -> Iterator[pa.RecordBatch]:
        yield from takewhile(lambda _: not bad_rows, reader)
        if bad_rows:
            row = bad_rows[0]
            raise InputError(
                # Arrow counts the header as a row.
                f"{path} row {row.number - 1} has {row.actual_columns} columns, the header "
                f"{row.expected_columns}; correct the row"
            )

    return Source(reader.schema, None, pieces())


def _convert_errors(path: Path, pieces: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pass the pieces on; raise an error of reading them as an InputError."""
    try:
        yield from pieces
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} cannot be read: {' '.join(str(error).split())}")
