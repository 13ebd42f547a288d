"""Reads and writes Parquet and CSV files of any length, piece by piece."""

import csv as text
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Protocol, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from recsys.common.errors import InputError

SUFFIXES = (".parquet", ".csv")
# What pyarrow raises for a damaged file. ValueError: a name that is not UTF-8.
READ_ERRORS = (OSError, ValueError, pa.ArrowException)
BINARY = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
# The rows of a piece of a Parquet file, and the bytes of a piece of a CSV file: about as many rows.
PIECE_ROWS, PIECE_BYTES = 2**20, 2**24
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
            Several may have the same name.
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
        InputError: the file is missing, damaged, empty or no file. Reading the pieces may raise
            this too.
    """
    check_suffix(path)
    if path.exists() and not path.is_file():
        # Such as a pipe, which can be read only once.
        raise InputError(f"{path} is not a regular file; name a file")
    opener: Callable[[Path], Source] = _open_csv if path.suffix == ".csv" else _open_parquet
    with _read_errors(path):
        source = opener(path)
    return Source(source.schema, source.rows, _pieces(path, source.pieces))


def check_columns(schema: pa.Schema, source: Path, target: Path) -> None:
    """Check that the target's format can hold all columns.

    Raises:
        InputError: the target is CSV, and a column has values that are no text.
    """
    for field in schema if target.suffix == ".csv" else ():
        if not _fits_csv(field.type):
            raise InputError(
                f"{source}: a CSV file cannot hold the column {field.name!r} ({field.type}); "
                f"remove it, or write to a name that ends in {SUFFIXES[0]}"
            )


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


def _fits_csv(kind: pa.DataType) -> bool:
    if any(is_kind(kind) for is_kind in BINARY):
        return False
    try:
        csv.write_csv(pa.table({"": pa.array([], kind)}), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return True


def _open_parquet(path: Path) -> Source:
    # With `pre_buffer`, the file would keep all row groups that it has read in memory.
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
    return Source(file.schema_arrow, file.metadata.num_rows, file.iter_batches(PIECE_ROWS))


def _open_csv(path: Path) -> Source:
    names, has_rows = _check_csv(path)
    if not has_rows:
        # Arrow refuses a header that no newline ends.
        return Source(pa.schema([(name, pa.string()) for name in names]), None, iter(()))
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


def _check_csv(path: Path) -> tuple[list[str], bool]:
    """Look at all of the text of a CSV file.

    Arrow reads on silently to the end of the file if a quote is not closed.

    Returns:
        the names in the header; whether rows follow.

    Raises:
        InputError: the file is empty or not UTF-8, or its quotes are wrong.
    """
    quoted = False
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            while piece := file.read(PIECE_BYTES):
                quoted = quoted or '"' in piece
                if "\0" in piece:
                    raise InputError(f"{path} has NUL characters; save it as UTF-8 text")
            file.seek(0)
            rows = _numbered_rows(path, file)
            # Blank lines are no rows.
            names = next(filter(None, rows), None)
            if names is None:
                raise InputError(f"{path} cannot be read: it is empty; begin with a header")
            has_rows = any(rows)
            if quoted:
                for _ in rows:
                    pass
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from error
    return names, has_rows


def _numbered_rows(path: Path, file: TextIO) -> Iterator[list[str]]:
    """The rows of a CSV file. Raises: InputError: bad quotes; it names the row's first line."""
    reader = text.reader(file, strict=True)
    line = 1
    try:
        for row in reader:
            yield row
            line = reader.line_num + 1
    except text.Error as error:
        raise InputError(
            f"{path} line {line}: {error}; close the quotes of each value and double those in it"
        ) from error


def _pieces(path: Path, pieces: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pass the pieces on; raise an error of reading them as an InputError."""
    with _read_errors(path):
        yield from pieces


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Raise an error of reading as an InputError."""
    try:
        yield
    except InputError:
        raise
    except READ_ERRORS as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {reason}") from error
