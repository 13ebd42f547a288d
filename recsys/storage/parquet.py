"""Parquet files: the same rows give the same bytes, and no more of them in memory than needed."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.common.atomic import replacing
from recsys.common.errors import InputError
from recsys.storage.mapped import mapped_array

# Rows that are read or written at once; those of a row group at most.
ROWS_AT_ONCE = 2**20


class TableWriter:
    """Appends frames to a Parquet file, the schema's columns in its order."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self.file = pq.ParquetWriter(path, schema, compression="zstd", version="2.6")

    def write(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, self.schema, preserve_index=False)
        # Without pandas' metadata, which names its version.
        self.file.write_table(table.replace_schema_metadata(None))

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def write_parquet(
    frames: pd.DataFrame | Iterable[pd.DataFrame], path: Path, schema: pa.Schema
) -> None:
    """Write a frame, or frames one after the other, to a file that appears whole."""
    with replacing(path) as partial, TableWriter(partial, schema) as writer:
        for frame in [frames] if isinstance(frames, pd.DataFrame) else frames:
            writer.write(frame)


def read_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a file that must have the schema's columns.

    Raises:
        InputError: it is missing, damaged or has other columns.
    """
    return _open(path, schema).read()


def read_batches(path: Path, schema: pa.Schema, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of a file, `ROWS_AT_ONCE` rows at a time. Raises: as `read_parquet`."""
    yield from _open(path, schema).iter_batches(ROWS_AT_ONCE, columns=columns)


def read_column(
    path: Path, schema: pa.Schema | None, name: str, share: tuple[int, int] = (0, 1)
) -> npt.NDArray[np.generic]:
    """One column as a NumPy array, filled batch by batch.

    Parquet is compressed and cannot be mapped itself, so the array is mapped from another file,
    without a name, beside it.

    Args:
        schema: that the file must have; None for any with the column.
        share: (rank, size); only the rows with row % size == rank are kept.

    Raises:
        InputError: as `read_parquet`, or there is no room beside the file.
    """
    rank, size = share
    file = _open(path, schema)
    kept = len(range(rank, file.metadata.num_rows, size))
    kind = file.schema_arrow.field(name).type.to_pandas_dtype()
    column = mapped_array((kept,), kind, path.parent)
    read = filled = 0
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=[name]):
        values = np.asarray(batch[name])[(rank - read) % size :: size]
        column[filled : filled + len(values)] = values
        read += len(batch)
        filled += len(values)
    return column


def read_names(path: Path, kind: pa.DataType) -> tuple[str, ...]:
    """The columns of a type. Raises: InputError: the file is missing or damaged."""
    return tuple(field.name for field in _open(path, None).schema_arrow if field.type == kind)


def count_rows(path: Path, schema: pa.Schema) -> int:
    """Raises: as `read_parquet`."""
    rows: int = _open(path, schema).metadata.num_rows
    return rows


def _open(path: Path, schema: pa.Schema | None) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read ({error}); run `dvc repro`") from error
    if schema is not None and not file.schema_arrow.equals(schema):
        raise InputError(
            f"{path} has the columns {', '.join(file.schema_arrow.names)}, expected "
            f"{', '.join(schema.names)}; run `dvc repro`"
        )
    return file
