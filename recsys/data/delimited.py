"""Read a table of a user's file as texts: CSV, TSV or Parquet, also compressed.

The same rules hold for every file: a header names the columns, in any letter case and with any
spaces, and an error names the file, the physical line and the value.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from recsys.common.errors import InputError

SEPARATORS = (",", "\t", ";", "|")


class TextTable:
    """A file's columns as texts, by their names in the header.

    Args:
        path: the file.
        shown: the path as the user typed it, which errors name.

    Attributes:
        frame: a column of texts for each column of the file; row i is the file's row i, from 0.

    Raises:
        InputError: the file is missing, damaged, empty, or a row has another number of columns.
    """

    def __init__(self, path: Path, shown: str) -> None:
        self.path, self.shown = path, shown
        self.is_parquet = ".parquet" in path.suffixes
        try:
            table = self._read_parquet() if self.is_parquet else self._read_text()
        except (OSError, EOFError, UnicodeError, pa.ArrowException, csv.Error) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{shown} cannot be read: {reason}") from error
        self.frame: pd.DataFrame = table.to_pandas()

    def column(self, name: str, meaning: str) -> pd.Series:
        """The column of this name, in any spelling.

        Args:
            meaning: the key of params.yaml that names the column.

        Raises:
            InputError: no column has the name, or several do.
        """
        found = [known for known in self.frame.columns if normalise(known) == normalise(name)]
        if len(found) != 1:
            problem = "no column" if not found else f"{len(found)} columns"
            raise InputError(
                f"{self.shown} has {problem} {name!r} ({meaning}); it has "
                f"{', '.join(map(repr, self.frame.columns))}"
            )
        column: pd.Series = self.frame[found[0]]
        return column

    def error(self, row: int, name: str, problem: str) -> InputError:
        """An error about the value of a column in a row, from 0."""
        value = self.column(name, name).iloc[row]
        return InputError(
            f"{self.shown} {self.place(row)}: {name} = {value!r} {problem}; correct the file"
        )

    def place(self, row: int) -> str:
        """Where a row is: the physical line of a text file or the row of a Parquet file, from 1."""
        if self.is_parquet:
            return f"row {row + 1}"
        with self._open() as file:
            reader = csv.reader(file, delimiter=self.separator)
            # The header, then the rows; blank lines are none. A quoted value may span lines.
            start = 1
            for count, _ in enumerate(filter(None, reader)):
                if count == row + 1:
                    return f"line {start}"
                start = reader.line_num + 1
        return f"row {row + 1}"

    def _read_parquet(self) -> pa.Table:
        table = pq.read_table(self.path)
        columns = []
        for values in table.columns:
            # No text; a column of this kind can only be one that params.yaml does not name.
            opaque = pa.types.is_nested(values.type) or pa.types.is_binary(values.type)
            texts = pa.nulls(len(values), pa.string()) if opaque else values.cast(pa.string())
            columns.append(texts.fill_null(""))
        return pa.Table.from_arrays(columns, names=table.column_names)

    def _read_text(self) -> pa.Table:
        with self._open() as file:
            header = file.readline()
        self.separator = max(SEPARATORS, key=lambda s: len(next(csv.reader([header], delimiter=s))))
        with self._open() as file:
            names = next(csv.reader(file, delimiter=self.separator), [])
        if not any(name.strip() for name in names):
            raise InputError(f"{self.shown} is empty: a header with the columns' names is needed")
        wrong: list[arrow_csv.InvalidRow] = []

        def note(row: arrow_csv.InvalidRow) -> str:
            wrong.append(row)
            return "skip"

        table = arrow_csv.read_csv(
            self.path,
            arrow_csv.ReadOptions(use_threads=False),
            arrow_csv.ParseOptions(
                delimiter=self.separator, newlines_in_values=True, invalid_row_handler=note
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        if wrong:
            row = wrong[0].number - 2
            raise InputError(
                f"{self.shown} {self.place(row)} has {wrong[0].actual_columns} columns, the header "
                f"{wrong[0].expected_columns}; correct the line"
            )
        texts = [values.cast(pa.string()).fill_null("") for values in table.columns]
        return pa.Table.from_arrays(texts, names=table.column_names)

    @contextmanager
    def _open(self) -> Iterator[IO[str]]:
        # By its suffix, the stream decompresses.
        with pa.input_stream(str(self.path), compression="detect") as stream:
            yield io.TextIOWrapper(io.BufferedReader(stream), "utf-8-sig", newline="")


def normalise(name: str) -> str:
    """A column's name without letter case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_\-\ufeff]", "", name).casefold()
