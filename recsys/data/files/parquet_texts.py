"""Parquet files, whose columns are read as texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys.common.errors import InputError
from recsys.data.schema import File

ROWS_AT_ONCE = 2**18


class ParquetTexts:
    """A Parquet file.

    Args:
        path: the path of the file.
        file: its description in the schema.
        shown: the path that errors name.
    """

    def __init__(self, path: Path, file: File, shown: str) -> None:
        self.path, self.file, self.shown = path, file, shown

    def read_names(self) -> Sequence[str]:
        """The names of the columns."""
        return pq.read_schema(self.path).names

    def read(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The columns at some positions, as texts. A null and a NaN are empty texts.

        Raises:
            InputError: a column holds a nested type, such as lists.
        """
        file = pq.ParquetFile(self.path)
        wanted = [file.schema_arrow.names[place] for place in places]
        for name in wanted:
            if pa.types.is_nested(kind := file.schema_arrow.field(name).type):
                raise InputError(
                    f"{self.shown}: the column {name} holds {kind}; make it texts or numbers"
                )
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted):
            texts = [_to_texts(batch.column(name)) for name in wanted]
            yield pa.RecordBatch.from_arrays(texts, names=wanted)

    def place(self, row: int) -> str:
        """The number of a row, from 1, for messages."""
        return f"row {row + 1}"

    def find_undecodable(self) -> str:
        """Always empty: Parquet is not text."""
        return ""


def _to_texts(values: pa.Array) -> pa.StringArray:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    return values.cast(pa.string()).fill_null("")
