"""Parquet files: the same rows give the same bytes."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import InputError
from recsys.outputs import replacing


def write_parquet(frame: pd.DataFrame, path: Path, schema: pa.Schema) -> None:
    """Write the schema's columns of a frame, in its order."""
    table = pa.Table.from_pandas(frame, schema, preserve_index=False)
    # Without pandas' metadata, which names its version.
    table = table.replace_schema_metadata(None)
    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd", version="2.6")


def read_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a file that must have the schema's columns.

    Raises:
        InputError: it is missing, damaged or has other columns.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read ({error}); run `dvc repro`") from error
    if not table.schema.equals(schema):
        raise InputError(
            f"{path} has the columns {', '.join(table.column_names)}, expected "
            f"{', '.join(schema.names)}; run `dvc repro`"
        )
    return table
