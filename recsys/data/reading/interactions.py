"""The interactions: read in one pass, checked, and staged in a Parquet file for an engine.

Memory holds a piece of the file at a time. What the pass learns about the whole file is a
`Summary`; the ids are found afterwards, by the engine.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys.common.arrays import Ints, Singles
from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.data.files.columns import DictionaryColumn, read_ids, read_times
from recsys.data.files.text_table import TextFile, TextTable
from recsys.data.reading.oddities import Example, find_spaced, find_times_without_zone
from recsys.data.reading.ratings import MAX_VALUES, read_stars
from recsys.data.schema import Column, Schema
from recsys.engine.engine import Engine

# `line` numbers the rows of the file from 0.
STAGED = pa.schema(
    [
        ("user_id", pa.string()),
        ("movie_id", pa.string()),
        ("rating", pa.float32()),
        ("timestamp", pa.int64()),
        ("line", pa.int64()),
    ]
)


@dataclass
class Summary:
    """What is known about all rows after one pass.

    Attributes:
        rows: their number.
        counts: the number of rows with each number of stars.
        start, end: the first and the last time, in seconds since 1970.
        spaced: for a column of ids, an example of an id with spaces around it.
        without_zone: the times without a time zone.
        too_many_values: whether there are more than `MAX_VALUES` numbers of stars. Then `counts`
            has only those of the first rows.
    """

    rows: int = 0
    counts: Counter[float] = field(default_factory=Counter)
    start: int = np.iinfo(np.int64).max
    end: int = np.iinfo(np.int64).min
    spaced: dict[Column, str] = field(default_factory=dict)
    without_zone: Example = field(default_factory=Example)
    too_many_values: bool = False

    def add(self, stars: Singles, seconds: Ints) -> None:
        """Add the rows of a piece, which has some."""
        self.rows += len(stars)
        self.start = min(self.start, int(seconds.min()))
        self.end = max(self.end, int(seconds.max()))
        if not self.too_many_values:
            values, counts = np.unique(stars, return_counts=True)
            self.counts.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
            self.too_many_values = len(self.counts) > MAX_VALUES

    def notes(self, file: TextFile, schema: Schema) -> list[str]:
        """Notes about odd ids and times, for the user to read."""
        notes = [find_spaced(column, file.shown, text) for column, text in self.spaced.items()]
        if schema.time and self.without_zone.count:
            notes.append(
                f"times of {schema.time.shown} without a time zone, read as UTC: "
                f"{self.without_zone.count:,} of {self.rows:,}, such as "
                f"{show(self.without_zone.value)}"
            )
        if schema.time and self.rows > 1 and self.start == self.end:
            time = pd.Timestamp(self.start, unit="s")
            notes.append(
                f"all {self.rows:,} rows have the same time, {time} UTC, so there is no past"
            )
        return notes


@dataclass(frozen=True)
class Interactions:
    """The interactions of a data set, with the ids that the file has.

    Attributes:
        file: where they were read from.
        staged: a Parquet file with the columns of `STAGED`, in the order of the file.
        summary: what is known about all of them.
        engine: what reads the staged file.
    """

    file: TextFile
    staged: Path
    summary: Summary
    engine: Engine

    def find_ids(self, noun: str) -> pa.StringArray:
        """The different ids of users or movies, ascending as texts.

        Args:
            noun: user or movie.
        """
        found = self._query(f"SELECT DISTINCT {noun}_id AS id FROM interactions")["id"]
        ids = found.combine_chunks().cast(pa.string())
        return ids.take(pc.sort_indices(ids))

    def refuse(self, noun: str, column: Column, wrong: pa.StringArray, problem: str) -> None:
        """Raise an error about the first row with one of some ids, if there are some.

        Args:
            noun: user or movie.
            problem: what is wrong with the row; "{more}" stands for the number of other such rows.
        """
        if not len(wrong):
            return
        rows = self._query(
            f"SELECT min(line) AS line, count(*) AS rows FROM interactions JOIN wrong "
            f"ON {noun}_id = wrong.id",
            wrong=pa.table({"id": wrong}),
        ).to_pylist()[0]
        text = self._query(f"SELECT {noun}_id AS id FROM interactions WHERE line = {rows['line']}")
        more = f" (and {rows['rows'] - 1:,} more lines)" if rows["rows"] > 1 else ""
        raise InputError(
            f"{self.file.shown} {self.file.place(rows['line'])}: {column.shown} = "
            f"{show(text['id'][0].as_py())} {problem.format(more=more)}; {self.file.file.remedy}"
        )

    def _query(self, sql: str, **tables: pa.Table) -> pa.Table:
        return self.engine.query(sql, {"interactions": self.staged, **tables})


def stage_interactions(
    file: TextFile, schema: Schema, staged: Path, engine: Engine
) -> Interactions:
    """Read the interactions of a file, check each row, and write them to the file `staged`.

    Raises:
        InputError: a value is wrong, or there are no rows; names the file, the line and the value.
    """
    wanted = [schema.user, schema.movie, schema.rating, schema.label, schema.time]
    summary, off_scale = Summary(), OffScale(schema)
    with pq.ParquetWriter(staged, STAGED, compression="lz4") as writer:
        for piece in file.read_pieces(list(dict.fromkeys(filter(None, wanted)))):
            if piece.rows:
                rows = _read_piece(piece, schema, summary)
                off_scale.add(piece, rows["rating"].to_numpy())
                writer.write_table(rows)
    off_scale.refuse()
    if not summary.rows:
        raise InputError(f"{file.shown} has no rows below its header; {file.file.remedy}")
    return Interactions(file, staged, summary, engine)


def _read_piece(piece: TextTable, schema: Schema, summary: Summary) -> pa.Table:
    """The rows of a piece with the columns of `STAGED`, which are added to the summary."""
    ids = [read_ids(piece, column) for column in (schema.user, schema.movie)]
    for column, read in zip((schema.user, schema.movie), ids, strict=True):
        if read.spaced:
            summary.spaced.setdefault(column, read.spaced)
    stars = read_stars(piece, schema)
    seconds: Ints = np.zeros(piece.rows, np.int64)
    if schema.time:
        seconds = read_times(piece, schema.time, schema.time_format)
        if schema.time_format == "iso":
            summary.without_zone.add(find_times_without_zone(piece, schema.time))
    summary.add(stars, seconds)
    lines = np.arange(piece.start, piece.start + piece.rows)
    return pa.table([*map(_decode, ids), stars, seconds, lines], schema=STAGED)


def _decode(column: DictionaryColumn) -> pa.StringArray:
    return column.texts.take(pa.array(column.codes))


class OffScale:
    """Counts the ratings that are not on the scale of the schema, and remembers the first."""

    def __init__(self, schema: Schema) -> None:
        self.column, self.scale = schema.rating, schema.rating_scale
        self.count = 0
        self.first: tuple[TextTable, int] | None = None

    def add(self, piece: TextTable, stars: Singles) -> None:
        if self.scale and not (on_scale := self.scale.has(stars)).all():
            self.first = self.first or (piece, int(np.argmin(on_scale)))
            self.count += int((~on_scale).sum())

    def refuse(self) -> None:
        """Raise an InputError if there are some."""
        if self.first is None or self.column is None:
            return
        piece, row = self.first
        problem = f"is not on the scale of {self.scale}"
        problem += f" (and {self.count - 1:,} more lines)" if self.count > 1 else ""
        problem += "; correct own.rating_scale, or" if self.column.key else ""
        raise piece.error(row, self.column, problem)
