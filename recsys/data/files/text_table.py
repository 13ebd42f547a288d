"""Columns of a file as texts, found by their names.

The same rules hold for every file. Letter case and spaces of a name do not matter. An error names
the file, the physical line and the value.
"""

import csv
import re
from collections.abc import Sequence
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


class TextTable:
    """Columns of a file as texts. Row 0 is the first row below the header, if there is one.

    Args:
        folder: the folder of the raw files.
        file: the file in it, delimited text or Parquet.
        columns: the columns to read.

    Attributes:
        file: the file.
        shown: the file as errors name it.
        rows: the number of rows.

    Raises:
        InputError: the file is missing, damaged or empty, lacks a column, or has a row with another
            number of columns.
    """

    def __init__(self, folder: Path, file: File, columns: Sequence[Column]) -> None:
        path = folder / file.path
        self.file, self.shown = file, file.shown or str(path)
        if not path.is_file():
            raise InputError(f"{self.shown} is missing; run `dvc repro -f fetch`")
        is_parquet = ".parquet" in path.suffixes
        self._content = (ParquetTexts if is_parquet else Delimited)(path, file, self.shown)
        table = self._read(columns)
        self.rows = table.num_rows
        self._texts = dict(zip((c.name for c in columns), table.columns, strict=True))

    def texts(self, column: Column) -> pa.ChunkedArray:
        """The texts of a column, as they are in the file; "" for a missing value, [rows]."""
        if column.name not in self._texts:
            self._texts[column.name] = self._read([column]).column(0)
        return self._texts[column.name]

    def has(self, column: Column) -> bool:
        """Whether the file has a column of this name."""
        return normalise(column.name) in map(normalise, self._content.read_names())

    def drop(self, *columns: Column | None) -> None:
        """Free the memory of columns. `texts` reads a dropped column again."""
        for column in columns:
            if column:
                self._texts.pop(column.name, None)

    def place(self, row: int) -> str:
        """The physical line in a text file, or the row in a Parquet file, of a row; from 1."""
        return self._content.place(row)

    def error(self, row: int, column: Column, problem: str) -> InputError:
        """An error about the value of a column in a row; rows count from 0."""
        value = self.texts(column)[row].as_py()
        return InputError(
            f"{self.shown} {self.place(row)}: {column.shown} = {show(value)} {problem}; "
            f"{self.file.remedy}"
        )

    def refuse_where(self, wrong: Mask, column: Column, problem: str) -> None:
        """Raise an `error` about the first row whose value is wrong, if there is one.

        Args:
            wrong: whether each row's value is wrong, [rows]
        """
        if wrong.any():
            raise self.error(int(np.argmax(wrong)), column, problem)

    def _read(self, columns: Sequence[Column]) -> pa.Table:
        try:
            return self._content.read(self._find(columns, self._content.read_names()))
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


def normalise(name: str) -> str:
    """A column's name without letter case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_\-\ufeff]", "", name).casefold()
