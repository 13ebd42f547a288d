"""Sums over the visible ratings of each row's movie, which lie in all partitions of users.

If the split is random, they are the movie's totals less the row itself. If the past alone is
visible, every row has sums of its own. The rows are then exchanged through files: each partition
sends its rows to buckets of movies, and each bucket sends the sums back.

Shapes: N rows of a partition, M movies.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.common.arrays import Floats
from recsys.engine.engine import Engine
from recsys.features.batch.partitions import Partition
from recsys.features.movie_index import MovieIndex
from recsys.features.visibility import round_for_exact_sums
from recsys.storage.parquet import numbered
from recsys.storage.parts import write_piece

Totals = list[Floats]


@dataclass(frozen=True)
class MovieExchange:
    """Sums some values over the visible ratings of movies.

    First `send` each partition, then `finish`, then `receive` for each partition.

    Attributes:
        folder: gets the files; all processes must see it.
        numbers: of the partitions; there are as many buckets.
        movies: M
        past_only: whether only ratings of an earlier second are visible.
        totals: the sums of each movie over all visible ratings, [M] each; from `finish`.
    """

    folder: Path
    numbers: tuple[int, ...]
    movies: int
    past_only: bool
    totals: tuple[Floats, ...] = ()

    def send(self, partition: Partition, values: Iterable[Floats]) -> Totals:
        """Send the rows of a partition to the buckets; return its totals by movie, [M] each.

        Args:
            values: what is summed, [N] each
        """
        log = partition.log
        weights = [round_for_exact_sums(each * log.is_context) for each in values]
        if self.past_only:
            columns = [log.movie, log.seconds, *weights]
            table = pa.table([pa.array(c) for c in columns], [f"{i}" for i in range(len(columns))])
            for bucket, rows in enumerate(self._buckets(partition)):
                write_piece(table.take(rows), self._sent(bucket, partition.number))
        return [np.bincount(log.movie, w, self.movies).astype(float) for w in weights]

    def finish(self, engine: Engine, totals: Sequence[Totals]) -> "MovieExchange":
        """Let the buckets answer.

        Args:
            totals: what `send` returned for each partition.
        """
        if self.past_only:
            engine.map(self._answer, range(len(self.numbers)))
            shutil.rmtree(self.folder / "sent")
        every = zip(*totals, strict=True)
        return replace(self, totals=tuple(np.sum(of_value, axis=0) for of_value in every))

    def _answer(self, bucket: int) -> None:
        """Sum over the earlier ratings of the movies of a bucket, for all rows that were sent."""
        pieces = [pq.read_table(self._sent(bucket, number)) for number in self.numbers]
        movie, seconds, *weights = (c.to_numpy() for c in pa.concat_tables(pieces).columns)
        sums = MovieIndex(movie, seconds, weights).before(movie, seconds)
        table, start = pa.table(sums, [f"{i}" for i in range(len(sums))]), 0
        for number, piece in zip(self.numbers, pieces, strict=True):
            write_piece(table[start : start + len(piece)], self._answered(bucket, number))
            start += len(piece)

    def receive(self, partition: Partition, values: Iterable[Floats]) -> list[Floats]:
        """The sums that are visible to the rows of a partition, [N] each.

        Args:
            values: as they were sent.
        """
        log = partition.log
        if not self.past_only:
            return [
                total[log.movie] - round_for_exact_sums(each * log.is_context)
                for total, each in zip(self.totals, values, strict=True)
            ]
        sums = [np.empty(len(log.movie)) for _ in self.totals]
        for bucket, rows in enumerate(self._buckets(partition)):
            answers = pq.read_table(self._answered(bucket, partition.number))
            for column, answer in zip(sums, answers.columns, strict=True):
                column[rows] = answer.to_numpy()
        return sums

    def _sent(self, bucket: int, number: int) -> Path:
        return self.folder / "sent" / f"{bucket:05}" / numbered(number)

    def _answered(self, bucket: int, number: int) -> Path:
        return self.folder / "answered" / f"{number:05}" / numbered(bucket)

    def _buckets(self, partition: Partition) -> Iterator[npt.NDArray[np.intp]]:
        """The rows of the movies of each bucket."""
        bucket = partition.log.movie % len(self.numbers)
        yield from (np.flatnonzero(bucket == number) for number in range(len(self.numbers)))
