"""The ratings in partitions of users: rows for ids, in the order of user, time and movie.

Each partition has all ratings of a stretch of the users. So the partitions end to end are the same
rows for any number of them.

Shapes: N ratings of a partition, U users, M movies.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.common.errors import InputError
from recsys.data.raw_dataset import RawDataset
from recsys.data.reading.oddities import count_ids, show_id
from recsys.storage import schemas
from recsys.storage.lineage import Lineage
from recsys.storage.parquet import numbered, write_parquet
from recsys.storage.vocabulary import Vocabulary

# The rows of users and movies for their ids. Each row keeps its line in the file.
JOIN = """
SELECT users.row AS user_row, movies.row AS movie_row, rating, timestamp, line,
       users.partition AS partition
FROM interactions JOIN users ON user_id = users.id JOIN movies ON movie_id = movies.id
"""


@dataclass(frozen=True)
class Partitioned:
    """What is known about the ratings of some partitions.

    Attributes:
        rows, likes: the number of ratings, and of those above the threshold.
        repeats: the number of ratings of a pair that an earlier line has.
        first_repeat: the first such line, with the rows of its user and its movie.
        single: the rows of users with a single rating.
    """

    rows: int = 0
    likes: int = 0
    repeats: int = 0
    first_repeat: tuple[int, int, int] = (np.iinfo(np.int64).max, 0, 0)
    single: tuple[int, ...] = ()

    def __add__(self, other: "Partitioned") -> "Partitioned":
        return Partitioned(
            self.rows + other.rows,
            self.likes + other.likes,
            self.repeats + other.repeats,
            min(self.first_repeat, other.first_repeat),
            self.single + other.single,
        )


@dataclass(frozen=True)
class PartitionWriter:
    """Sorts the scattered rows of a partition and writes them.

    Attributes:
        scattered: the folder that the engine wrote.
        folder: gets a file for each partition.
        vocabulary: of the ratings.
        dropped: ratings with these numbers of steps on the scale are dropped.
    """

    scattered: Path
    folder: Path
    vocabulary: Vocabulary
    dropped: tuple[float, ...]

    def __call__(self, number: int) -> Partitioned:
        rows = self._read(number)
        kept = rows[~rows.duplicated(["user_row", "movie_row"], keep="last")]
        repeats, first_repeat = len(rows) - len(kept), Partitioned.first_repeat
        if repeats:
            lines = rows.sort_values("line")
            again = lines[lines.duplicated(["user_row", "movie_row"])]
            first_repeat = tuple(again[["line", "user_row", "movie_row"]].iloc[0].tolist())
        users, counts = np.unique(kept["user_row"], return_counts=True)
        scale, stars = self.vocabulary.rating_scale, kept["rating"].to_numpy()
        if self.dropped:
            kept = kept[~np.isin(scale.to_steps(stars), self.dropped)]
            stars = kept["rating"].to_numpy()
        label = (stars > self.vocabulary.like_cut).astype(np.int8)
        table = pa.table(
            {
                "user": kept["user_row"],
                "movie": kept["movie_row"],
                "rating": stars,
                "rating_norm": scale.normalise(stars),
                "label": label,
                "timestamp": kept["timestamp"],
            },
            schemas.RATINGS,
        )
        metadata = Lineage(self.vocabulary.ids).to_metadata()
        path = self.folder / numbered(number)
        write_parquet(table, path, schemas.RATINGS, metadata)
        return Partitioned(
            rows=len(kept),
            likes=int(label.sum()),
            repeats=repeats,
            first_repeat=first_repeat,
            single=tuple(users[counts == 1].tolist()),
        )

    def _read(self, number: int) -> pd.DataFrame:
        """The rows of a partition, in the order of user, time, movie and line."""
        files = sorted((self.scattered / f"partition={number}").glob("*.parquet"))
        tables = [pq.read_table(file, partitioning=None) for file in files]
        if not tables:
            return pd.DataFrame(columns=["user_row", "movie_row", "rating", "timestamp", "line"])
        rows = pa.concat_tables(tables).to_pandas(self_destruct=True)
        keys = ("line", "movie_row", "timestamp", "user_row")
        return rows.iloc[np.lexsort([rows[key] for key in keys])]


def partition_ratings(
    dataset: RawDataset,
    vocabulary: Vocabulary,
    partitions: int,
    dropped: tuple[float, ...],
    scattered: Path,
    folder: Path,
) -> tuple[Partitioned, list[str]]:
    """Write the ratings to partitions, `folder`/00000.parquet and so on.

    Args:
        dropped: numbers of stars whose ratings are dropped.
        scattered: gets the rows before they are sorted.
        folder: must exist.

    Returns:
        what is known about all ratings, and notes for the user to read

    Raises:
        InputError: a pair has several ratings, and the schema refuses that; or no rating has a
            number of stars to drop, or no rating would be left.
    """
    steps = find_dropped(dataset, dropped)
    interactions = dataset.interactions
    sources = {"interactions": interactions.staged} | {
        table: number_ids(texts, partitions) for table, texts in dataset.id_texts.items()
    }
    interactions.engine.scatter(JOIN, sources, "partition", scattered)
    # Everything is in the scattered files now, and the disk may be short.
    interactions.staged.unlink()
    write = PartitionWriter(scattered, folder, vocabulary, steps)
    total = sum(interactions.engine.map(write, range(partitions)), Partitioned())
    if total.repeats and dataset.schema.duplicates == "refuse":
        raise refuse_repeats(dataset, total)
    if not total.rows:
        raise InputError(f"encode.drop_ratings = {list(dropped)}: no rating would be left")
    notes = []
    if total.repeats:
        notes.append(f"{total.repeats:,} earlier ratings of a repeated pair are dropped")
    single = np.isin(np.arange(len(dataset.users)), total.single)
    user_ids = dataset.users["raw_userid"].to_numpy()
    return total, notes + count_ids("users with a single rating", single, user_ids)


def number_ids(texts: pa.StringArray, partitions: int) -> pa.Table:
    """The ids with their rows, and the partition of each row; see `find_stretch`."""
    rows = np.arange(len(texts))
    partition = (rows * partitions // max(len(rows), 1)).astype(np.int32)
    return pa.table({"id": texts, "row": rows.astype(np.int32), "partition": partition})


def find_dropped(dataset: RawDataset, stars: tuple[float, ...]) -> tuple[float, ...]:
    """The steps on the scale of the ratings to drop.

    Raises:
        InputError: no rating has one of these numbers of stars.
    """
    scale, summary = dataset.rating_scale, dataset.interactions.summary
    dropped = scale.to_steps(stars)
    known = scale.to_steps(list(summary.counts))
    # Of many values, only the first ones are known.
    possible = np.isin(dropped, known) | (summary.too_many_values & scale.has(stars))
    for value, found in zip(stars, possible, strict=True):
        if not found:
            raise InputError(f"encode.drop_ratings: no rating has {value:g} stars")
    return tuple(dropped.tolist())


def refuse_repeats(dataset: RawDataset, total: Partitioned) -> InputError:
    """The error about pairs with several ratings."""
    line, user, movie = total.first_repeat
    file, schema = dataset.interactions.file, dataset.schema
    user_id, movie_id = dataset.users["raw_userid"][user], dataset.movies["raw_movieid"][movie]
    more = total.repeats - 1
    return InputError(
        f"{file.shown} {file.place(line)}: {schema.user.shown} {show_id(user_id)} already has "
        f"{schema.movie.shown} {show_id(movie_id)}"
        + (f" (and {more:,} more lines repeat a pair)" if more else "")
        + (
            "; remove them, or set own.duplicates to keep_last"
            if schema.user.key
            else f"; {file.file.remedy}"
        )
    )
