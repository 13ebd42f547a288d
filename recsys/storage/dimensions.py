"""The dimension tables of the star schema: users and movies, which ratings refer to by row.

Shapes: U users, M movies.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.common.errors import InputError
from recsys.storage import schemas
from recsys.storage.ids import Ids
from recsys.storage.lineage import Lineage, digest, read_lineage, require_same_run
from recsys.storage.parquet import (
    REMEDY,
    read_column,
    read_parquet,
    write_parquet,
)
from recsys.storage.registry import REGISTRY
from recsys.storage.schemas import RAW_IDS
from recsys.storage.vocabulary import Vocabulary


@dataclass(frozen=True)
class Dimensions:
    """The users and movies, their vocabulary, and how many training ratings each of them has.

    Attributes:
        folder: the folder that the tables were read from.
        tables: `users` and `movies`, with the columns of `vocabulary.schema`.
        vocabulary: the names behind the codes, and a digest of the raw ids.
        training_ratings: number of ratings in the training part, by user, [U], and by movie, [M]
        lineage: digests of the ids and of the split whose ratings were counted.
    """

    folder: Path
    tables: dict[str, pa.Table]
    vocabulary: Vocabulary
    training_ratings: dict[str, npt.NDArray[np.int32]]
    lineage: Lineage

    def raw_ids(self, table: str) -> npt.NDArray[Any]:
        """The published ids of a table's rows, integers or texts, ascending, [U] or [M]."""
        return self.tables[table][RAW_IDS[table]].to_numpy()

    @cached_property
    def ids(self) -> dict[str, Ids]:
        """The lookup of the published ids, by table."""
        nouns = {"users": "user", "movies": "movie"}
        return {table: Ids(self.raw_ids(table), noun) for table, noun in nouns.items()}

    def count_embeddings(self, feature: str) -> int:
        """The number of rows of the embedding table that is named after a feature."""
        if feature in self.vocabulary.names:
            # Without any genre the feature still exists, and an embedding table needs a row.
            return max(len(self.vocabulary.names[feature]), 1)
        # An id: the first row of the embedding table is for unknown users or movies.
        return len(self.tables[REGISTRY[feature].table]) + 1

    @classmethod
    def load(cls, encoded: Path, counts: Path) -> "Dimensions":
        """Read the tables that encode wrote and the counts that split wrote.

        Args:
            encoded: a folder with users.parquet, movies.parquet and vocabulary.json.
            counts: a folder with users.parquet and movies.parquet, both of `schemas.COUNTS`.

        Raises:
            InputError: a file is missing, damaged or edited, or the files are of different runs.
        """
        vocabulary = Vocabulary.load(encoded / "vocabulary.json")
        lineage = Lineage(vocabulary.ids)
        tables, training_ratings = {}, {}
        for name in RAW_IDS:
            tables[name] = read_parquet(encoded / f"{name}.parquet", vocabulary.schema(name))
            path = counts / f"{name}.parquet"
            found = read_lineage(path, "split")
            require_same_run(path, found, encoded, lineage)
            lineage = found
            training_ratings[name] = read_column(path, schemas.COUNTS, "training_ratings")
            if len(training_ratings[name]) != len(tables[name]):
                raise InputError(f"{path} has other rows than the {name} in {encoded}; {REMEDY}")
        return cls(encoded, tables, vocabulary, training_ratings, lineage)

    def save(self, encoded: Path, counts: Path) -> None:
        """Write the files that `load` reads."""
        write_dimensions(self.tables, self.vocabulary, encoded)
        write_counts(self.training_ratings, counts, self.lineage)


def write_dimensions(tables: dict[str, pa.Table], vocabulary: Vocabulary, folder: Path) -> None:
    """Write users.parquet, movies.parquet and, with their digests, vocabulary.json."""
    for name, table in tables.items():
        write_parquet(table, folder / f"{name}.parquet", vocabulary.schema(name))
    vocabulary.save(folder / "vocabulary.json")


def write_counts(
    training_ratings: dict[str, npt.NDArray[np.int32]], folder: Path, lineage: Lineage
) -> None:
    """Write users.parquet and movies.parquet, both of `schemas.COUNTS`."""
    for name, counted in training_ratings.items():
        column = pa.table({"training_ratings": counted}, schema=schemas.COUNTS)
        write_parquet(column, folder / f"{name}.parquet", schemas.COUNTS, lineage.to_metadata())


def digest_ids(tables: dict[str, pa.Table], names: dict[str, tuple[str, ...]]) -> str:
    """A digest of the raw ids of both tables and of the names behind their codes."""
    ids = (tables[name][column].to_numpy() for name, column in RAW_IDS.items())
    # An array of texts holds addresses, which differ from run to run.
    contents = (json.dumps(known.tolist()) if known.dtype == object else known for known in ids)
    return digest(*contents, str(sorted(names.items())))
