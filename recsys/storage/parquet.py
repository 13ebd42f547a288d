"""Read and write Parquet files, in pieces; the same rows always give the same bytes.

What is read is a file, or a folder of numbered files that have the rows of one table, end to end.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.params import show_key
from recsys.storage.mapped import mapped_array

# The number of rows that are read or written at once.
ROWS_AT_ONCE = 2**20
# How many columns an error message names.
MAX_NAMES = 20
REMEDY = "run `dvc repro`, or restore it with `dvc checkout`"


class TableWriter:
    """Appends rows to a Parquet file, with the columns of a schema in its order.

    Args:
        metadata: texts that `read_metadata` returns.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, metadata: Mapping[str, str] | None = None
    ) -> None:
        self.schema = schema.with_metadata(metadata) if metadata else schema
        self.file = pq.ParquetWriter(path, self.schema, compression="zstd", version="2.6")

    def write(self, rows: pd.DataFrame | pa.Table) -> None:
        if isinstance(rows, pd.DataFrame):
            rows = pa.Table.from_pandas(rows, self.schema, preserve_index=False)
        # This replaces the metadata of pandas, which would put its version into the file.
        self.file.write_table(rows.replace_schema_metadata(self.schema.metadata))

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def write_parquet(
    rows: pd.DataFrame | pa.Table | Iterable[pd.DataFrame],
    path: Path,
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a table, or one frame after the other, to a file in an atomic write."""
    with atomic_write(path) as partial, TableWriter(partial, schema, metadata) as writer:
        for piece in [rows] if isinstance(rows, pd.DataFrame | pa.Table) else rows:
            writer.write(piece)


def numbered(number: int) -> str:
    """The name of a file in a folder of numbered files."""
    return f"{number:05}.parquet"


def list_files(path: Path) -> list[Path]:
    """The file itself, or the numbered files of a folder in their order.

    Raises:
        InputError: the folder has none, or one is missing.
    """
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.parquet"))
    if not files or [file.name for file in files] != [numbered(n) for n in range(len(files))]:
        raise InputError(f"{path} lacks files; {REMEDY}")
    return files


def read_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a table that must have the columns of the schema.

    Raises:
        InputError: a file is missing or damaged, or it has other columns.
    """
    with _refuse_damage(path):
        table: pa.Table = pa.concat_tables(_open(file, schema).read() for file in list_files(path))
        table.validate(full=True)
    return table


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata that `write_parquet` wrote; of a folder, that of its first file.

    Raises:
        InputError: the file is missing or damaged.
    """
    with _refuse_damage(path):
        metadata = _open(list_files(path)[0], None).schema_arrow.metadata or {}
        return {key.decode(): value.decode() for key, value in metadata.items()}


def read_batches(
    path: Path, schema: pa.Schema | None, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a table, `ROWS_AT_ONCE` rows at a time.

    Args:
        schema: the schema that the files must have; None accepts any with these columns.

    Raises:
        InputError: as for `read_parquet`.
    """
    with _refuse_damage(path):
        for file in list_files(path):
            yield from _open(file, schema).iter_batches(ROWS_AT_ONCE, columns=columns)


def read_column(
    path: Path, schema: pa.Schema | None, name: str, partition: tuple[int, int] = (0, 1)
) -> npt.NDArray[Any]:
    """Read one column into a NumPy array, batch by batch.

    The array is memory-mapped, so a column may be larger than memory. Parquet is compressed and
    cannot be mapped itself, so the array has a file of its own beside it.

    Args:
        schema: the schema that the files must have; None accepts any with this column.
        partition: (rank, size); only rows with row % size == rank are kept.

    Raises:
        InputError: as for `read_parquet`, the column has nulls, or the disk is full.
    """
    rank, size = partition
    files = [_open(file, schema) for file in list_files(path)]
    if name not in files[0].schema_arrow.names:
        raise InputError(f"{path} has no column {show_key(name)}; {REMEDY}")
    rows = sum(file.metadata.num_rows for file in files)
    kept = len(range(rank, rows, size))
    kind = files[0].schema_arrow.field(name).type.to_pandas_dtype()
    column = mapped_array((kept,), kind, path.parent)
    read = filled = 0
    for batch in read_batches(path, schema, [name]):
        if nulls := batch[name].null_count:
            raise InputError(f"{path}: {name} is null in {nulls:,} rows; {REMEDY}")
        values = np.asarray(batch[name])[(rank - read) % size :: size]
        column[filled : filled + len(values)] = values[: kept - filled]
        read += len(batch)
        filled += len(values)
    if read != rows:
        raise InputError(f"{path} has {read:,} rows, but its end says {rows:,}; {REMEDY}")
    return column


def read_column_names(path: Path, feature: str) -> tuple[str, ...]:
    """The names of the columns of a feature of the registry, which `schemas.features` names.

    Raises:
        InputError: the file is missing or damaged.
    """
    return tuple(
        field.name
        for field in _open(list_files(path)[0], None).schema_arrow
        if (field.metadata or {}).get(b"feature") == feature.encode()
    )


def count_rows(path: Path, schema: pa.Schema) -> int:
    """The number of rows of a table.

    Raises:
        InputError: as for `read_parquet`.
    """
    return sum(_open(file, schema).metadata.num_rows for file in list_files(path))


def _open(path: Path, schema: pa.Schema | None) -> pq.ParquetFile:
    with _refuse_damage(path):
        file = pq.ParquetFile(path)
        found = file.schema_arrow
    if schema is not None and not found.equals(schema):
        raise InputError(
            f"{path} has the columns {_list_columns(found, schema)}, expected "
            f"{_list_columns(schema, found)}; {REMEDY}"
        )
    return file


def _list_columns(schema: pa.Schema, other: pa.Schema) -> str:
    """The columns' names or, if both schemas have the same, the types that differ."""
    if schema.names != other.names:
        return ", ".join(map(show_key, schema.names[:MAX_NAMES]))
    fields = (field for field, others in zip(schema, other, strict=True) if field != others)
    return ", ".join(
        f"{show_key(f.name)} ({f.type}{'' if f.nullable else ' not null'})" for f in fields
    )


@contextmanager
def _refuse_damage(path: Path) -> Iterator[None]:
    """Turn what Arrow raises for a damaged file into an `InputError`."""
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); {REMEDY}") from error
