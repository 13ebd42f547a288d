"""What the stage features writes of each partition, and how the files become one.

Shapes: N rows of a partition.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.common.arrays import Singles
from recsys.features.batch.adjusted import Adjusted
from recsys.features.batch.moments import Moments
from recsys.features.batch.partitions import Partition
from recsys.features.histories import HISTORIES, find_history
from recsys.features.online import standardise
from recsys.features.visibility import RatingLog, round_for_exact_sums
from recsys.storage import schemas
from recsys.storage.parquet import numbered
from recsys.storage.parts import (
    PartsWriter,
    read_piece,
    write_piece,
    write_regrouped,
)

RATINGS = "ratings"
Standardisation = Mapping[str, tuple[float, float]]


class Written(NamedTuple):
    """What was written for a partition.

    Attributes:
        names: the names of the columns of each group.
        moments: of each column in the training part.
    """

    names: dict[str, list[str]]
    moments: dict[str, Moments]


@dataclass(frozen=True)
class Output:
    """Writes the files of the stage features.

    First the ratings and the columns of each partition go to pieces, then the pieces are joined.

    Attributes:
        folder: gets the files; all processes must see it.
        temporary: gets pieces.
        training_rows: the number of rows of the training part.
        histories: the names of the histories.
        history_length: the largest number of movies in a history.
    """

    folder: Path
    temporary: Path
    training_rows: int
    histories: Sequence[str]
    history_length: int

    def write_ratings(self, partition: Partition, adjusted: Adjusted) -> None:
        """Write the ratings of a partition that a query sees."""
        ratings = list_ratings(partition.log, adjusted)
        write_piece(ratings, self._piece(RATINGS, partition.number))

    def write_columns(
        self,
        partition: Partition,
        columns: Mapping[str, Mapping[str, Singles]],
        entries_before: Mapping[str, int],
    ) -> Written:
        """Write the columns of a partition, and its entries of the histories' logs.

        Args:
            columns: of each group, [N] each; they are standardised at the end.
            entries_before: the number of entries of each log that earlier partitions have.
        """
        log, training = partition.log, partition.log.training
        named = {name: values for group in columns.values() for name, values in group.items()}
        every: dict[str, npt.NDArray[Any]] = {"row": partition.row, **named}
        for name in self.histories:
            history = find_history(log, HISTORIES[name], self.history_length)
            entries = pa.table([history.movies], schema=schemas.HISTORY_LOG)
            write_piece(entries, self._piece(name, partition.number))
            every |= history.columns(name, entries_before[name])
        names = {group: list(found) for group, found in columns.items()}
        self._parts(names).write(partition.number, partition.part, pa.table(every))
        return Written(names, {name: Moments.of(each[training]) for name, each in named.items()})

    def join_ratings(self) -> None:
        """Join the ratings of all partitions."""
        self._join(RATINGS, schemas.FITTED_RATINGS)

    def join_columns(
        self,
        names: Mapping[str, Sequence[str]],
        standardisation: Standardisation,
        cutoff: float,
        metadata: Mapping[str, str],
    ) -> None:
        """Standardise the columns and join them, and the logs of the histories."""
        for name in self.histories:
            self._join(name, schemas.HISTORY_LOG, metadata)
        change = partial(standardise_rows, standardisation=standardisation, cutoff=cutoff)
        self._parts(names).finish(metadata, change)

    def _parts(self, names: Mapping[str, Iterable[str]]) -> PartsWriter:
        return PartsWriter(self.folder, schemas.features(names, self.histories), self.training_rows)

    def _piece(self, name: str, number: int) -> Path:
        return self.temporary / name / numbered(number)

    def _join(
        self, name: str, schema: pa.Schema, metadata: Mapping[str, str] | None = None
    ) -> None:
        pieces = sorted((self.temporary / name).glob("*.parquet"))
        batches = (batch for piece in pieces for batch in read_piece(piece))
        write_regrouped(batches, self.folder / f"{name}.parquet", schema, metadata)


def list_ratings(log: RatingLog, adjusted: Adjusted) -> pa.Table:
    """The ratings that a query sees, with the columns of `schemas.FITTED_RATINGS`."""
    order, schema = log.by_user.order, schemas.FITTED_RATINGS
    rows = order[log.is_context[order]]
    rounded = map(round_for_exact_sums, (adjusted.by_movie, adjusted.by_user))
    columns = (log.user, log.movie, log.stars, log.label, log.seconds, *rounded)
    return pa.table(
        [pa.array(c[rows], f.type, safe=False) for c, f in zip(columns, schema, strict=True)],
        schema=schema,
    )


def standardise_rows(rows: pa.Table, standardisation: Standardisation, cutoff: float) -> pa.Table:
    """The rows with standardised columns."""
    for name, fitted in standardisation.items():
        values = standardise(rows[name].to_numpy().astype(float), fitted, cutoff)
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(place), pa.array(values.astype(np.float32)))
    return rows
