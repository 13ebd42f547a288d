"""The files of a split.

- `assignment`: for each partition of the ratings, the key and the part of each. The stages features
  and rank read them here.
- `negatives`: for each partition, the drawn negatives, if the data has positives alone.
- `train`, `validation.parquet`, `test.parquet`: the rows of each part; see `storage.parts`.
- `counts`: the number of training ratings of each user and of each movie.

A split takes two or three passes over the partitions: the parts are assigned, negatives are drawn,
the rows are written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.common.arrays import Ints
from recsys.data.negatives import NEVER, Pool, draw_negatives, make_pool
from recsys.data.splitting import Assignment, Pairs
from recsys.engine.engine import Engine
from recsys.storage import parquet, schemas
from recsys.storage.dimensions import write_counts
from recsys.storage.lineage import Lineage, digest_rows, read_lineage, require_same_run
from recsys.storage.parquet import list_files, numbered, read_parquet, write_parquet
from recsys.storage.partitions import find_stretch
from recsys.storage.parts import PartsWriter
from recsys.storage.schemas import PARTS, RATINGS, RAW_IDS
from recsys.storage.vocabulary import Vocabulary


@dataclass(frozen=True)
class Partitions:
    """The partitions of the folder `encoded`, and the keys of their ratings.

    Attributes:
        encoded: the folder.
        negatives: how many negatives may be drawn for a rating.
        starts: the place of the first rating of each partition among all ratings.
        sizes: the numbers of users and movies.
    """

    encoded: Path
    negatives: int
    starts: tuple[int, ...]
    sizes: tuple[int, int]

    @classmethod
    def open(cls, encoded: Path, negatives: int = 0) -> "Partitions":
        """Raises: InputError: a file is missing, or of another run than the vocabulary."""
        lineage = Lineage(Vocabulary.load(encoded / "vocabulary.json").ids)
        files = list_files(encoded / "ratings")
        for file in files:
            require_same_run(file, read_lineage(file, "encode"), encoded, lineage)
        starts = accumulate((parquet.count_rows(file, RATINGS) for file in files), initial=0)
        users, movies = (pq.read_metadata(encoded / f"{t}.parquet").num_rows for t in RAW_IDS)
        return cls(encoded, negatives, tuple(starts)[:-1], (users, movies))

    @property
    def numbers(self) -> range:
        return range(len(self.starts))

    def read(self, number: int) -> pa.Table:
        """The ratings of a partition, with the columns of `schemas.PART`."""
        rows = read_parquet(self.encoded / "ratings" / numbered(number), RATINGS)
        places = self.starts[number] + np.arange(len(rows), dtype=np.int64)
        return rows.add_column(0, schemas.KEY, pa.array(places * (1 + self.negatives)))

    def pairs(self, number: int, rows: pa.Table) -> Pairs:
        """The pairs of the ratings of a partition."""
        user, movie, seconds = (rows[name].to_numpy() for name in ("user", "movie", "timestamp"))
        first, stop = find_stretch(number, len(self.starts), self.sizes[0])
        ids = {
            table: pq.read_table(self.encoded / f"{table}.parquet", columns=[column])[column]
            for table, column in RAW_IDS.items()
        }
        raw_ids = {
            "users": ids["users"][first:stop].to_numpy(),
            "movies": ids["movies"].to_numpy(),
        }
        return Pairs(user, movie, seconds, raw_ids, first)


@dataclass(frozen=True)
class Found:
    """What is known about the rows of some partitions.

    Attributes:
        sizes: the number of rows of each part, of `PARTS`.
        users, movies: the number of training ratings of each user and of each movie.
        first: the second of the first rating of each movie; `NEVER` without one.
        digest: of the rows; see `digest_rows`.
    """

    sizes: Ints
    users: npt.NDArray[np.int32]
    movies: npt.NDArray[np.int32]
    first: Ints
    digest: npt.NDArray[np.uint64]

    def __add__(self, other: "Found") -> "Found":
        return Found(
            self.sizes + other.sizes,
            # Each partition has the counts of its own users, which follow those of the one before.
            np.append(self.users, other.users),
            self.movies + other.movies,
            np.minimum(self.first, other.first),
            self.digest + other.digest,
        )


@dataclass(frozen=True)
class Assigner:
    """The first pass: chooses and writes the part of each rating of a partition."""

    partitions: Partitions
    assign: Callable[[Pairs], Assignment]
    folder: Path

    def __call__(self, number: int) -> Found:
        rows = self.partitions.read(number)
        pairs = self.partitions.pairs(number, rows)
        part = self.assign(pairs)
        table = pa.table([rows["row"], part], schema=schemas.ASSIGNMENT)
        path = self.folder / "assignment" / numbered(number)
        pq.write_table(table, path, compression="lz4", use_dictionary=False)
        movies = self.partitions.sizes[1]
        first = np.full(movies, NEVER)
        np.minimum.at(first, pairs.movie, pairs.seconds)
        training = part == 0
        count = len(pairs.raw_ids["users"])
        return Found(
            sizes=count_parts(part),
            users=count_rows(pairs.user[training] - pairs.first_user, count),
            movies=count_rows(pairs.movie[training], movies),
            first=first,
            digest=digest_part(rows, part),
        )


@dataclass(frozen=True)
class Drawer:
    """The second pass, for data of positives alone: draws and writes a partition's negatives."""

    partitions: Partitions
    folder: Path
    pool: Pool
    seed: int

    def __call__(self, number: int) -> Found:
        rows = self.partitions.read(number)
        pairs, part = self.partitions.pairs(number, rows), read_assignment(self.folder, number)
        drawn = draw_negatives(pairs, part, self.pool, self.partitions.negatives, self.seed)
        row = rows["row"].to_numpy()[drawn.positive] + 1 + drawn.number
        zeros = np.zeros(len(row), np.float32)
        table = pa.table(
            {
                "row": row,
                "user": pairs.user[drawn.positive],
                "movie": drawn.movie.astype(np.int32),
                "rating": zeros,
                "rating_norm": zeros,
                "label": zeros.astype(np.int8),
                "timestamp": pairs.seconds[drawn.positive],
                "part": part[drawn.positive],
            },
            schemas.NEGATIVES,
        ).sort_by("row")
        path = self.folder / "negatives" / numbered(number)
        pq.write_table(table, path, compression="lz4", use_dictionary=False)
        nothing = np.zeros(0, np.int32)
        sizes, digest = (
            count_parts(table["part"].to_numpy()),
            digest_part(table, table["part"].to_numpy()),
        )
        return Found(sizes, nothing, nothing, nothing, digest)


@dataclass(frozen=True)
class RowsWriter:
    """The last pass: writes a partition's rows, with the drawn negatives, to the parts."""

    partitions: Partitions
    folder: Path
    writer: PartsWriter
    metadata: dict[str, str]

    def __call__(self, number: int) -> None:
        rows, part = self.partitions.read(number), read_assignment(self.folder, number)
        path = self.folder / "assignment" / numbered(number)
        assignment = pa.table([rows["row"], part], schema=schemas.ASSIGNMENT)
        write_parquet(assignment, path, schemas.ASSIGNMENT, self.metadata)
        if self.partitions.negatives:
            path = self.folder / "negatives" / numbered(number)
            drawn = pq.read_table(path)
            write_parquet(drawn, path, schemas.NEGATIVES, self.metadata)
            rows = rows.append_column("part", pa.array(part))
            rows = pa.concat_tables([rows, drawn]).sort_by("row")
            part, rows = rows["part"].to_numpy(), rows.drop_columns("part")
        self.writer.write(number, part, rows)


def write_split(
    partitions: Partitions,
    folder: Path,
    assign: Callable[[Pairs], Assignment],
    past_only: bool,
    engine: Engine,
    check: Callable[[Ints], None] | None = None,
    seed: int = 0,
) -> tuple[Ints, int]:
    """Write the files of a split.

    Args:
        folder: gets the files; it must exist.
        assign: chooses the parts of the pairs of a partition.
        past_only: whether only ratings of an earlier second are visible to a rating.
        check: gets the number of ratings of each part, before the rows are written.
        seed: of the negatives.

    Returns:
        the number of ratings of each part, and the number of negatives
    """
    for name in ("assignment", "negatives")[: 1 + bool(partitions.negatives)]:
        (folder / name).mkdir()
    found = reduce(add, engine.map(Assigner(partitions, assign, folder), partitions.numbers))
    if check:
        check(found.sizes)
    sizes, digest = found.sizes, found.digest
    if partitions.negatives:
        pool = make_pool(found.movies, found.first, past_only)
        draw = Drawer(partitions, folder, pool, seed)
        drawn = reduce(add, engine.map(draw, partitions.numbers))
        sizes, digest = sizes + drawn.sizes, digest + drawn.digest
    ids = Vocabulary.load(partitions.encoded / "vocabulary.json").ids
    lineage = Lineage(ids, digest.tobytes().hex(), past_only)
    metadata = lineage.to_metadata()
    writer = PartsWriter(folder, schemas.PART, int(sizes[0]))
    engine.map(RowsWriter(partitions, folder, writer, metadata), partitions.numbers)
    writer.finish(metadata)
    write_counts({"users": found.users, "movies": found.movies}, folder / "counts", lineage)
    return found.sizes, int((sizes - found.sizes).sum())


def read_assignment(folder: Path, number: int) -> Assignment:
    """The parts of the ratings of a partition, as the first pass wrote them."""
    path = folder / "assignment" / numbered(number)
    return pq.read_table(path, columns=["part"])["part"].to_numpy()


def count_rows(rows: Ints, size: int) -> npt.NDArray[np.int32]:
    """How often each row of a table occurs, [size]"""
    return np.bincount(rows, minlength=size).astype(np.int32)


def count_parts(part: Ints) -> Ints:
    """The number of rows of each part of `PARTS`."""
    return np.bincount(part[part >= 0], minlength=len(PARTS))


def digest_part(rows: pa.Table, part: Ints) -> npt.NDArray[np.uint64]:
    """The digest of some rows and their parts."""
    names = ("row", "user", "movie", "timestamp")
    return digest_rows(part, *(rows[name].to_numpy() for name in names))
