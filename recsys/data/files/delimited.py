"""Text files with a separator between values: CSV, TSV and others, also compressed."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from recsys.common.errors import InputError
from recsys.data.schema import File

SEPARATORS = (",", "\t", ";", "|")
# Arrow takes separators of one byte only. This byte replaces a longer separator.
UNIT_SEPARATOR = "\x1f"
# Bytes that Arrow reads at once. A row has to fit into a block.
BLOCK_BYTES = 2**24


class Delimited:
    """A text file. Arrow reads its values; Python's csv finds the line of a row, for messages.

    Args:
        path: the path of the file.
        file: its description in the schema.
        shown: the path that errors name.
    """

    def __init__(self, path: Path, file: File, shown: str) -> None:
        self.path, self.file, self.shown = path, file, shown
        self.separator = file.separator

    def read_names(self) -> Sequence[str]:
        """The names of the columns. Raises: InputError: the file is empty."""
        self.separator = self.separator or self._guess_separator()
        names = self._start()[0]
        if not any(name.strip() for name in names):
            raise InputError(
                f"{self.shown} is empty: a header with the columns' names is needed; "
                f"{self.file.remedy}"
            )
        return names

    def read(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The columns at some positions, as texts.

        Raises:
            InputError: a row has another number of columns than the header.
        """
        names, skipped = self._start()
        if skipped is None:
            return
        # Columns are named by their positions, because unread columns may share a name.
        wanted = [str(place) for place in places]
        try:
            with self._source() as source:
                yield from arrow_csv.open_csv(
                    source,
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
            self._check_widths(len(names), error)
            raise

    def place(self, row: int) -> str:
        """The physical line of a row, from 1, for messages."""
        first = 0 if self.file.names else 1
        with suppress(csv.Error):
            for count, (line, _) in enumerate(self._records(self.separator)):
                if count == first + row:
                    return f"line {line}"
        # Python 3.10 refuses the character 0, which Arrow takes.
        return f"row {row + 1}"

    def find_undecodable(self) -> str:
        """The first line that is not in the file's encoding, for messages; "" if all lines are."""
        with self._open_bytes() as stream:
            for number, line in enumerate(stream, 1):
                try:
                    line.decode(self.file.encoding)
                except UnicodeError:
                    return f" line {number}"
        return ""

    def _start(self) -> tuple[Sequence[str], int | None]:
        """The columns' names, and the number of physical lines above the first row.

        The number is None for a file without rows.
        """
        records = self._records(self.separator)
        names: Sequence[str] = self.file.names
        for _, values in () if names else records:
            names = values
            break
        return names, next((line - 1 for line, _ in records), None)

    def _check_widths(self, width: int, error: Exception) -> None:
        for line, values in self._records(self.separator):
            if len(values) != width:
                expected = f"not {width}" if self.file.names else f"the header {width}"
                remedy = "correct the line" + self.file.remedy.removeprefix("correct the file")
                raise InputError(
                    f"{self.shown} line {line} has {len(values)} columns, {expected}; {remedy}"
                ) from error

    def _guess_separator(self) -> str:
        """The separator that gives the first row the most values."""

        def count(separator: str) -> int:
            return next((len(values) for _, values in self._records(separator)), 0)

        return max(SEPARATORS, key=count)

    def _records(self, separator: str) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield the physical line, from 1, and the values of each row. Blank lines are no rows."""
        with self._open_text() as file:
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

    @contextmanager
    def _source(self) -> Iterator[IO[bytes] | pa.NativeFile]:
        with pa.input_stream(str(self.path), compression="detect") as stream:
            if len(self.separator) == 1:
                yield stream
            else:
                separator = self.separator.encode(self.file.encoding)
                yield io.BufferedReader(_Replacing(stream, separator), BLOCK_BYTES)

    @contextmanager
    def _open_text(self) -> Iterator[IO[str]]:
        # Excel begins a file with a byte order mark.
        encoding = "utf-8-sig" if self.file.encoding == "utf-8" else self.file.encoding
        with self._open_bytes() as stream:
            yield io.TextIOWrapper(stream, encoding, newline="")

    @contextmanager
    def _open_bytes(self) -> Iterator[io.BufferedReader]:
        # The suffix of the path decides whether the stream decompresses.
        with pa.input_stream(str(self.path), compression="detect") as stream:
            yield io.BufferedReader(stream)


class _Replacing(io.RawIOBase):
    """A stream of bytes with each separator of several bytes replaced by `UNIT_SEPARATOR`."""

    def __init__(self, stream: IO[bytes], separator: bytes) -> None:
        self.stream, self.separator = stream, separator
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content, piece = b"", b"more"
        while piece and not content:
            piece = self.stream.read(len(buffer) - len(self.separator))
            content = (self.rest + piece).replace(self.separator, UNIT_SEPARATOR.encode())
            kept = self._unfinished(content) if piece else 0
            content, self.rest = content[: len(content) - kept], content[len(content) - kept :]
        buffer[: len(content)] = content
        return len(content)

    def _unfinished(self, content: bytes) -> int:
        """The number of bytes at the end that may begin a separator."""
        lengths = range(len(self.separator) - 1, 0, -1)
        return next((k for k in lengths if content.endswith(self.separator[:k])), 0)
