"""Partitions are read with their parts and drawn negatives, and refused if they do not match."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys.common.errors import InputError
from recsys.features.batch.partition_files import PartitionFiles
from recsys.features.batch.summary import Summary
from recsys.features.visibility import QUERY
from recsys.storage.lineage import Lineage, digest_rows
from recsys.storage.parquet import numbered, write_parquet
from recsys.storage.schemas import ASSIGNMENT, NEGATIVES, RATINGS

# Two partitions; users, movies, labels, seconds, keys and parts of their ratings.
ROWS = [
    ([0, 0, 1], [5, 6, 5], [1, 1, 1], [10, 20, 7], [0, 3, 6], [0, -1, 2]),
    ([], [], [], [], [], []),
    ([3], [8], [1], [30], [9], [0]),
]
# The same of the negatives.
DRAWN = [
    ([0, 0], [7, 8], [0, 0], [10, 10], [1, 2], [0, 0]),
    ([], [], [], [], [], []),
    ([3], [6], [0], [30], [10], [0]),
]
NAMES = ("user", "movie", "label", "timestamp", "row", "part")


def table_of(columns: tuple[list[int], ...], schema: pa.Schema) -> pa.Table:
    """The columns of a schema; stars are 4."""
    named = {name: np.array(column, int) for name, column in zip(NAMES, columns, strict=True)}
    stars = np.full(len(columns[0]), 4.0)
    arrays = [named.get(field.name, stars) for field in schema]
    return pa.table([pa.array(a, f.type) for a, f in zip(arrays, schema, strict=True)], schema)


def write_partitions(folder: Path) -> None:
    digests = [
        digest_rows(*(np.array(columns[place], np.int64) for place in (5, 4, 0, 1, 3)))
        for columns in [*ROWS, *DRAWN]
    ]
    split = Lineage("ids", np.sum(digests, axis=0).tobytes().hex(), True).to_metadata()
    for number, (rows, drawn) in enumerate(zip(ROWS, DRAWN, strict=True)):
        for name, columns, schema, metadata in (
            ("encoded/ratings", rows, RATINGS, Lineage("ids").to_metadata()),
            ("split/assignment", rows, ASSIGNMENT, split),
            ("split/negatives", drawn, NEGATIVES, split),
        ):
            write_parquet(
                table_of(columns, schema), folder / name / numbered(number), schema, metadata
            )


def open_files(folder: Path) -> PartitionFiles:
    write_partitions(folder)
    return PartitionFiles.open(folder / "encoded", folder / "split", implicit=True)


def test_a_partition_has_its_ratings_and_negatives_in_the_order_of_the_keys(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    assert files.numbers == (0, 2)
    assert files.past_only
    first = files.read(0)
    assert first.row.tolist() == [0, 1, 2, 3, 6]
    assert first.part.tolist() == [0, 0, 0, -1, 2]
    assert first.log.part.tolist() == [0, QUERY, QUERY, -1, 2]
    assert first.log.user.tolist() == [0, 0, 0, 0, 1]
    assert first.log.movie.tolist() == [5, 7, 8, 6, 5]
    assert first.log.seconds.tolist() == [10, 10, 10, 20, 7]
    assert first.log.label.tolist() == [1, 0, 0, 1, 1]


def test_the_digest_of_all_rows_is_checked(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    digest = Summary.join(Summary.of(files.read(number)) for number in files.numbers).digest
    files.check(digest)
    with pytest.raises(InputError, match=r"is of other ratings than .*run `dvc repro split`"):
        files.check(digest + np.uint64(1))


def test_files_of_other_ratings_are_refused(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    table = table_of(ROWS[0], RATINGS)[:2]
    metadata = Lineage("ids").to_metadata()
    write_parquet(table, tmp_path / "encoded/ratings/00000.parquet", RATINGS, metadata)
    with pytest.raises(InputError, match="is of other ratings than"):
        files.read(0)
    metadata = Lineage("others").to_metadata()
    write_parquet(table, tmp_path / "encoded/ratings/00000.parquet", RATINGS, metadata)
    with pytest.raises(InputError, match="different runs"):
        PartitionFiles.open(tmp_path / "encoded", tmp_path / "split", implicit=True)
