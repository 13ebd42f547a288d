"""The vocabulary, the users, the movies and their counts, damaged or edited."""

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recsys.dataloader.tables import load_pair_features
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import select_features
from tests.fuzz.mutations import COLUMNS, ODD_TEXTS, fuzz, mutate
from tests.runs import Run

ODD_NUMBERS = [None, 0, 1, 3, -1, 100, 2**31 - 1, -(2**31)]
# By the type of a column.
ODD_CELLS: dict[str, list[Any]] = {
    "int16": [None, 0, -1, 1995, 2**15 - 1],
    "int32": ODD_NUMBERS,
    "float": [None, -1.0, 0.5, float("nan"), float("inf"), 1e38],
    "string": [None, *ODD_TEXTS],
    "list": [None, [], [0], [1, 1], [3, None], [-1], [4], [2**31 - 1], [0] * 1000],
}


@pytest.fixture
def copied(run: Run) -> Path:
    shutil.copytree(run.encoded, "copied")
    shutil.copytree(run.split / "counts", "copied/counts")
    return Path("copied")


def use(folder: Path) -> None:
    """Load the tables, and take the features of the first and the last of them."""
    dimensions = Dimensions.load(folder, folder / "counts")
    names = tuple(feature.name for feature in dimensions.vocabulary.features)
    features = select_features(("userid", "movieid", *names), dimensions.vocabulary.features)
    pairs = load_pair_features(dimensions, features, with_unknown_row=True)
    users, movies = (len(dimensions.tables[name]) for name in ("users", "movies"))
    rows = torch.tensor([0, users]), torch.tensor([0, movies])
    bags, dense = pairs.bags(*rows).values(), pairs.dense(*rows)
    assert dense.isfinite().all()
    assert np.isfinite(dimensions.vocabulary.rating_scale.normalise(np.ones(1, np.float32))).all()
    assert all(len(v) == (2 if lengths is None else lengths.sum()) for v, lengths in bags)
    for key, values in pairs.to_tensors().items():
        _, kind, name = key.split(".", 2)
        if kind == "values" and name in dimensions.vocabulary.names:
            assert ((values >= 0) & (values < dimensions.count_embeddings(name))).all()


def test_vocabulary(copied: Path) -> None:
    file = copied / "vocabulary.json"
    text = file.read_bytes()

    def attempt(rng: random.Random) -> None:
        file.write_bytes(text if rng.random() < 0.1 else mutate(text, rng))
        use(copied)

    fuzz("vocabulary.json", attempt)


def test_tables(copied: Path) -> None:
    names = ("users.parquet", "movies.parquet", "counts/users.parquet", "counts/movies.parquet")
    contents = {name: (copied / name).read_bytes() for name in names}
    tables = {name: pq.read_table(copied / name) for name in names}

    def attempt(rng: random.Random) -> None:
        name = rng.choice(names)
        kind = rng.random()
        try:
            if kind < 0.1:
                pass
            elif kind < 0.4:
                (copied / name).write_bytes(mutate(contents[name], rng))
            else:
                pq.write_table(change_table(tables[name], rng), copied / name)
            use(copied)
        finally:
            (copied / name).write_bytes(contents[name])

    fuzz("users and movies", attempt)


def change_table(table: pa.Table, rng: random.Random) -> pa.Table:
    """Change cells, the rows, or a column."""
    kind = rng.random()
    name = rng.choice(table.column_names)
    place, field = table.column_names.index(name), table.schema.field(name)
    if kind < 0.7:
        values = table[name].to_pylist()
        odd = ODD_CELLS["list" if pa.types.is_list(field.type) else str(field.type)]
        for _ in range(rng.choice((1, 1, 2, 10))):
            values[rng.randrange(len(values))] = rng.choice(odd)
        return table.set_column(place, field, pa.array(values, field.type))
    if kind < 0.8:
        rows = rng.choices(range(len(table)), k=rng.randrange(len(table) + 2))
        return table.take(pa.array(rows, pa.int64()))
    if kind < 0.85:
        return table.remove_column(place)
    if kind < 0.9:
        return table.rename_columns(
            [rng.choice((n, n, rng.choice(ODD_TEXTS))) for n in table.column_names]
        )
    column = rng.choice(COLUMNS)(np.arange(len(table)) % 10)
    return table.set_column(place, name, column)
