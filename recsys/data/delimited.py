"""Read columns of a file as texts: values between separators or Parquet, also compressed.

The same rules hold for every file: columns are found by their names, in any letter case and with
any spaces, and an error names the file, the physical line and the value.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from recsys.common.errors import InputError
from recsys.common.params import show, show_key
from recsys.data.schema import Column, File

SEPARATORS = (",", "\t", ";", "|")
# Arrow takes separators of one byte only, so this byte replaces a longer one.
UNIT_SEPARATOR = "\x1f"
# A row has to fit into a block.
BLOCK_BYTES = 2**24
# How many of a file's columns an error lists.
MOST_COLUMNS = 20


class TextTable:
    """Columns of a file as texts. Row i is the file's row i, from 0, below any header.

    Args:
        folder: the folder of the raw files.
        file: the file in it.
        columns: the columns to read.
        optional: more columns to read, of which the file may lack some.

    Attributes:
        rows: the number of rows.

    Raises:
        InputError: the file is missing, damaged or empty, lacks a column, or has a row with another
            number of columns.
    """

    def __init__(
        self,
        folder: Path,
        file: File,
        columns: Sequence[Column],
        optional: Sequence[Column] = (),
    ) -> None:
        self._columns, self._optional = list(columns), optional
        self.path, self.file = folder / file.path, file
        self.shown = file.shown or str(self.path)
        self.is_parquet = ".parquet" in self.path.suffixes
        if not self.path.is_file():
            raise InputError(f"{self.shown} is missing; run `dvc repro -f fetch`")
        table = self._read()
        self.rows = table.num_rows
        self._texts = dict(zip((c.name for c in self._columns), table.columns, strict=True))

    def has(self, column: Column) -> bool:
        """Whether the file has an optional column."""
        return column.name in self._texts

    def texts(self, column: Column) -> pa.ChunkedArray:
        """The texts of a column, as they are in the file, [rows]. A null is an empty text."""
        if column.name not in self._texts:
            self._texts[column.name] = self._read([column]).column(0)
        return self._texts[column.name]

    def drop(self, *columns: Column | None) -> None:
        """Free the memory of columns. One that is asked for again is read again."""
        for column in columns:
            if column:
                self._texts.pop(column.name, None)

    def error(self, row: int, column: Column, problem: str) -> InputError:
        """An error about the value of a column in a row, from 0."""
        value = self.texts(column)[row].as_py()
        return InputError(
            f"{self.shown} {self.place(row)}: {show_key(column.name)} = {show(value)} {problem}; "
            f"{self.file.remedy}"
        )

    def place(self, row: int) -> str:
        """Where a row is: the physical line of a text file or the row of a Parquet file, from 1."""
        if self.is_parquet:
            return f"row {row + 1}"
        first = 0 if self.file.names else 1
        with suppress(csv.Error):
            for count, (line, _) in enumerate(self._records(self.separator)):
                if count == first + row:
                    return f"line {line}"
        # Python 3.10 refuses the character 0, which Arrow takes.
        return f"row {row + 1}"

    def _read(self) -> pa.Table:
        try:
            return self._read_parquet() if self.is_parquet else self._read_text()
        except UnicodeError as error:
            raise self._wrong_encoding() from error
        except (OSError, EOFError, pa.ArrowException, csv.Error) as error:
            if "UTF8" in str(error):
                raise self._wrong_encoding() from error
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.shown} cannot be read: {reason}; {self.file.remedy}"
            ) from error

    def _read_parquet(self) -> pa.Table:
        file = pq.ParquetFile(self.path)
        names = file.schema_arrow.names
        wanted = [names[place] for place in self._find(names)]
        table = file.read(columns=wanted)
        texts = []
        for name in wanted:
            values = table.column(name)
            if pa.types.is_nested(values.type):
                raise InputError(
                    f"{self.shown}: the column {name} holds {values.type}; make it texts or numbers"
                )
            texts.append(values.cast(pa.string()).fill_null(""))
        return pa.Table.from_arrays(texts, names=wanted)

    def _read_text(self) -> pa.Table:
        self.separator = self.file.separator or self._guess_separator()
        names, skipped = self._start()
        if not any(name.strip() for name in names):
            raise InputError(
                f"{self.shown} is empty: a header with the columns' names is needed; "
                f"{self.file.remedy}"
            )
        # By their places, as several columns that nobody asks for may share a name.
        wanted = [str(place) for place in self._find(names)]
        if skipped is None:
            return pa.Table.from_arrays(
                [pa.chunked_array([], pa.string())] * len(wanted), names=wanted
            )
        try:
            return arrow_csv.read_csv(
                self._source(),
                arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK_BYTES,
                    encoding=self.file.encoding,
                    column_names=[str(place) for place in range(len(names))],
                    skip_rows=skipped,
                ),
                arrow_csv.ParseOptions(
                    delimiter=self.separator if len(self.separator) == 1 else UNIT_SEPARATOR,
                    quote_char='"' if self.file.quoted else False,
                    newlines_in_values=self.file.quoted,
                ),
                arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            for line, values in self._records(self.separator):
                if len(values) != len(names):
                    raise InputError(
                        f"{self.shown} line {line} has {len(values)} columns, "
                        f"{'not' if self.file.names else 'the header'} {len(names)}; "
                        "correct the line" + self.file.remedy.removeprefix("correct the file")
                    ) from error
            raise

    def _find(self, names: Sequence[str]) -> list[int]:
        """The places of the columns to read among the file's. Raises: InputError."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            places.setdefault(normalise(name), []).append(place)
        self._columns += [c for c in self._optional if normalise(c.name) in places]
        found = []
        for column in self._columns:
            same = places.get(normalise(column.name), [])
            if len(same) != 1:
                problem = f"{len(same)} columns" if same else "no column"
                key = column.key and f" ({column.key})"
                listed = ", ".join(map(show, names[:MOST_COLUMNS]))
                more = (
                    "" if len(names) <= MOST_COLUMNS else f" and {len(names) - MOST_COLUMNS} more"
                )
                raise InputError(
                    f"{self.shown} has {problem} {show(column.name)}{key}; it has {listed}{more}"
                )
            found += same
        return found

    def _start(self) -> tuple[Sequence[str], int | None]:
        """The columns' names, and the physical lines above the first row; None if it has no row."""
        records = self._records(self.separator)
        names: Sequence[str] = self.file.names
        for _, values in () if names else records:
            names = values
            break
        return names, next((line - 1 for line, _ in records), None)

    def _guess_separator(self) -> str:
        """The separator that divides the first row into the most values."""

        def count(separator: str) -> int:
            return next((len(values) for _, values in self._records(separator)), 0)

        return max(SEPARATORS, key=count)

    def _records(self, separator: str) -> Iterator[tuple[int, Sequence[str]]]:
        """The physical line, from 1, and the values of each row. Blank lines are no rows."""
        with self._open() as file:
            if not self.file.quoted:
                for number, line in enumerate(file, 1):
                    if text := line.rstrip("\r\n"):
                        yield number, text.split(separator)
                return
            csv.field_size_limit(BLOCK_BYTES)
            reader = csv.reader(file, delimiter=separator)
            start = 1
            for values in reader:
                if values:
                    yield start, values
                # A quoted value may span lines.
                start = reader.line_num + 1

    def _wrong_encoding(self) -> InputError:
        encoding = self.file.encoding.upper()
        place = ""
        if not self.is_parquet:
            with pa.input_stream(str(self.path), compression="detect") as stream:
                for number, line in enumerate(io.BufferedReader(stream), 1):
                    try:
                        line.decode(self.file.encoding)
                    except UnicodeError:
                        place = f" line {number}"
                        break
        return InputError(f"{self.shown}{place} is not {encoding}; save the file as {encoding}")

    def _source(self) -> pa.NativeFile | str:
        if len(self.separator) == 1:
            return str(self.path)
        with pa.input_stream(str(self.path), compression="detect") as stream:
            content: bytes = stream.read()
        separator = self.separator.encode(self.file.encoding)
        return pa.BufferReader(content.replace(separator, UNIT_SEPARATOR.encode()))

    @contextmanager
    def _open(self) -> Iterator[IO[str]]:
        # Excel begins a file with a byte order mark.
        encoding = "utf-8-sig" if self.file.encoding == "utf-8" else self.file.encoding
        # By its suffix, the stream decompresses.
        with pa.input_stream(str(self.path), compression="detect") as stream:
            yield io.TextIOWrapper(io.BufferedReader(stream), encoding, newline="")


def normalise(name: str) -> str:
    """A column's name without letter case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_\-\ufeff]", "", name).casefold()
