"""Columns of a file as texts, found by their names.

The same rules hold for every file. Letter case and spaces of a name do not matter. An error names
the file, the physical line and the value.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.common.arrays import Mask
from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.data.files.delimited import Delimited
from recsys.data.files.parquet_texts import ParquetTexts
from recsys.data.schema import Column, File

# How many of a file's columns an error lists.
MAX_COLUMNS = 20


class TextFile:
    """A file whose columns are read as texts, all at once or in pieces.

    Args:
        folder: the folder of the raw files.
        file: the file in it, delimited text or Parquet.

    Attributes:
        file: the file.
        shown: the file as errors name it.

    Raises:
        InputError: the file is missing.
    """

    def __init__(self, folder: Path, file: File) -> None:
        path = folder / file.path
        self.file, self.shown = file, file.shown or str(path)
        if not path.is_file():
            raise InputError(f"{self.shown} is missing; run `dvc repro -f fetch`")
        is_parquet = ".parquet" in path.suffixes
        self._content = (ParquetTexts if is_parquet else Delimited)(path, file, self.shown)

    def read(self, columns: Sequence[Column]) -> "TextTable":
        """Read all rows.

        Raises:
            InputError: the file is damaged or empty, lacks a column, or has a row with another
                number of columns.
        """
        pieces = [piece.columns for piece in self.read_pieces(columns)]
        names = [column.name for column in columns]
        empty = pa.table([pa.array([], pa.string())] * len(names), names)
        return TextTable(self, 0, pa.concat_tables(pieces) if pieces else empty)

    def read_pieces(self, columns: Sequence[Column]) -> Iterator["TextTable"]:
        """Read the rows in pieces, in their order. Raises: InputError: as for `read`."""
        start = 0
        with self._refuse_damage():
            places = self._find(columns, self._content.read_names())
            for batch in self._content.read(places):
                columns_read = pa.Table.from_arrays(batch.columns, [c.name for c in columns])
                yield TextTable(self, start, columns_read)
                start += len(batch)

    def has(self, column: Column) -> bool:
        """Whether the file has a column of this name."""
        with self._refuse_damage():
            return normalise(column.name) in map(normalise, self._content.read_names())

    def place(self, row: int) -> str:
        """The physical line in a text file, or the row in a Parquet file, of a row; from 1."""
        return self._content.place(row)

    @contextmanager
    def _refuse_damage(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, UnicodeError, pa.ArrowException, csv.Error) as error:
            if isinstance(error, UnicodeError) or "UTF8" in str(error):
                encoding, line = self.file.encoding.upper(), self._content.find_undecodable()
                raise InputError(
                    f"{self.shown}{line} is not {encoding}; save the file as {encoding}"
                ) from error
            reason, remedy = " ".join(str(error).split()), self.file.remedy
            raise InputError(f"{self.shown} cannot be read: {reason}; {remedy}") from error

    def _find(self, columns: Sequence[Column], names: Sequence[str]) -> list[int]:
        """The position of each column in the file. Raises: InputError."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            places.setdefault(normalise(name), []).append(place)
        found = []
        for column in columns:
            same = places.get(normalise(column.name), [])
            if len(same) != 1:
                raise self._no_single_column(column, len(same), names)
            found += same
        return found

    def _no_single_column(self, column: Column, count: int, names: Sequence[str]) -> InputError:
        problem = f"{count} columns" if count else "no column"
        key = column.key and f" ({column.key})"
        listed = ", ".join(map(show, names[:MAX_COLUMNS]))
        more = f" and {len(names) - MAX_COLUMNS} more" if len(names) > MAX_COLUMNS else ""
        remedy = "name one that it has" if column.key else self.file.remedy
        return InputError(
            f"{self.shown} has {problem} {show(column.name)}{key}; it has {listed}{more}; {remedy}"
        )


class TextTable:
    """Rows of a file as texts. Row 0 of a file is the first below the header, if there is one.

    Attributes:
        file: the file.
        start: the row of the file that row 0 here is.
        columns: by name, texts as they are in the file; "" for a missing value.
        rows: the number of rows.
    """

    def __init__(self, file: TextFile, start: int, columns: pa.Table) -> None:
        self.file, self.start, self.columns = file, start, columns
        self.rows: int = columns.num_rows

    def texts(self, column: Column) -> pa.ChunkedArray:
        """The texts of a column, [rows]."""
        return self.columns[column.name]

    def error(self, row: int, column: Column, problem: str) -> InputError:
        """An error about the value of a column in a row of this table."""
        value = self.texts(column)[row].as_py()
        place = self.file.place(self.start + row)
        return InputError(
            f"{self.file.shown} {place}: {column.shown} = {show(value)} {problem}; "
            f"{self.file.file.remedy}"
        )

    def refuse_where(self, wrong: Mask, column: Column, problem: str) -> None:
        """Raise an `error` about the first row whose value is wrong, if there is one.

        Args:
            wrong: whether each row's value is wrong, [rows]
        """
        if wrong.any():
            raise self.error(int(np.argmax(wrong)), column, problem)


def normalise(name: str) -> str:
    """A column's name without letter case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_\-\ufeff]", "", name).casefold()
