"""Reads and writes Parquet and CSV files of any length, piece by piece."""

import csv as text
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from recsys.common.errors import InputError
from recsys.models.description import Heads

SUFFIXES = (".parquet", ".csv")
# What pyarrow raises for a damaged file. ValueError: a name that is not UTF-8.
READ_ERRORS = (OSError, ValueError, pa.ArrowException)
# The types of columns that Arrow cannot write to a CSV file.
NO_TEXT = (
    pa.types.is_nested,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_string_view,
    pa.types.is_binary_view,
)
# How Arrow names a row with too few or too many values. Its rows count from 1, with the header.
BAD_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
# The rows of a piece of a Parquet file, and the bytes of a piece of a CSV file: about as many rows.
PIECE_ROWS, PIECE_BYTES = 2**20, 2**24
# The read buffer of each column of a Parquet file.
BUFFER_BYTES = 2**20


@dataclass(frozen=True)
class Source:
    """A table that can be read once.

    Attributes:
        schema: the columns. All columns of a CSV file are text, so that they are copied unchanged.
            Several may have the same name.
        rows: the number of rows; None for a CSV file, which does not record it.
        pieces: the rows in order. Reading them may raise InputError.
    """

    schema: pa.Schema
    rows: int | None
    pieces: Iterator[pa.RecordBatch]


def check_suffix(path: Path) -> None:
    """Check that a file's name ends in .parquet or .csv.

    Raises:
        InputError: it does not.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: its name must end in {' or '.join(SUFFIXES)}")


def open_source(path: Path) -> Source:
    """Open a Parquet or CSV file for reading.

    Raises:
        InputError: the file is missing, damaged, empty or no file.
    """
    check_suffix(path)
    if path.exists() and not path.is_file():
        # Such as a pipe, which can be read only once.
        raise InputError(f"{path} is not a regular file; name a file")
    opener: Callable[[Path], Source] = _open_csv if path.suffix == ".csv" else _open_parquet
    with _reading(path):
        source = opener(path)
    return Source(source.schema, source.rows, _pieces(path, source.pieces))


def answer_fields(heads: Heads) -> list[pa.Field]:
    """The columns of a model's answers: the probability of a like, and the expected stars.

    A model that has the label's threshold alone expects no stars.
    """
    names = ("score", "stars") if heads.stars else ("score",)
    return [pa.field(name, pa.float32()) for name in names]


def open_writer(path: Path, target: Path, schema: pa.Schema) -> Any:
    """A CSVWriter or ParquetWriter of `path`, by the suffix of `target`.

    Raises:
        InputError: the target is CSV, and a column has values that are no text.
    """
    if target.suffix == ".csv":
        for field in schema:
            if any(is_kind(field.type) for is_kind in NO_TEXT):
                raise InputError(
                    f"{target}: a CSV file cannot hold the column {field.name!r} ({field.type}); "
                    f"remove it, or write to a name that ends in {SUFFIXES[0]}"
                )
        return csv.CSVWriter(path, schema)
    # Floats hardly repeat, so a dictionary of them would only cost time and bytes.
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated)


def _open_parquet(path: Path) -> Source:
    # With `pre_buffer`, the file would keep all row groups that it has read in memory.
    file = pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
    return Source(file.schema_arrow, file.metadata.num_rows, file.iter_batches(PIECE_ROWS))


def _open_csv(path: Path) -> Source:
    names, has_rows = _check_csv(path)
    if not has_rows:
        # Arrow refuses a header that no newline ends.
        return Source(pa.schema([(name, pa.string()) for name in names]), None, iter(()))
    reader = csv.open_csv(
        path,
        # Arrow knows the number of a bad row only when a single thread reads.
        csv.ReadOptions(use_threads=False, block_size=PIECE_BYTES),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    return Source(reader.schema, None, reader)


def _check_csv(path: Path) -> tuple[list[str], bool]:
    """Check what Arrow does not: if a quote is not closed, it reads on to the end of the file.

    Returns:
        the names in the header; whether rows follow.

    Raises:
        InputError: the file is empty or not UTF-8, or its quotes are wrong.
    """
    quoted = False
    with path.open(encoding="utf-8-sig", newline="") as file:
        while piece := file.read(PIECE_BYTES):
            quoted = quoted or '"' in piece
            if "\0" in piece:
                raise InputError(f"{path} has NUL characters; save it as UTF-8 text")
        file.seek(0)
        reader = text.reader(file, strict=True)
        line, count = 1, 0
        names: list[str] = []
        try:
            for row in reader:
                # Blank lines are no rows.
                count += bool(row)
                names = names or row
                if count > 1 and not quoted:
                    break
                line = reader.line_num + 1
        except text.Error as error:
            raise InputError(
                f"{path} line {line}: {error}; close the quotes of each value and double those in "
                "it"
            ) from error
    if not names:
        raise InputError(f"{path} cannot be read: it is empty; begin with a header")
    return names, count > 1


def _pieces(path: Path, pieces: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with _reading(path):
        yield from pieces


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise an error of reading as an InputError."""
    try:
        yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from error
    except READ_ERRORS as error:
        if bad := BAD_ROW.search(str(error)):
            row, expected, found = map(int, bad.groups())
            raise InputError(
                f"{path} row {row - 1} has {found} columns, the header {expected}; correct the row"
            ) from error
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {reason}") from error
