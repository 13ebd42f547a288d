"""Small dimension tables of three users and four movies, and a part with five ratings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.common.rating_scale import WHOLE_STARS
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import Lineage
from recsys.storage.parquet import write_parquet
from recsys.storage.registry import movielens_features
from recsys.storage.vocabulary import Vocabulary

GENRES = [[0], [], [2, 1, 3], [1, 2]]
# The user of the second row, and the movie of the first and the last, have no training rating.
PART = pa.table(
    {
        "row": [0, 2, 3, 5, 9],
        "user": [0, 1, 2, 0, 2],
        "movie": [2, 1, 0, 3, 2],
        "rating": [5.0, 4.0, 3.0, 2.0, 1.0],
        "rating_norm": [1.0, 0.75, 0.5, 0.25, 0.0],
        "label": [1, 1, 0, 0, 0],
        "timestamp": [1, 2, 3, 4, 5],
    },
    schemas.PART,
)
USERS_SCHEMA, MOVIES_SCHEMA = (
    schemas.dimension(table, movielens_features(), "int32") for table in ("users", "movies")
)
LINEAGE = Lineage("ids", "split", past_only=False)
COUNTS = {"users": [4, 0, 1], "movies": [1, 2, 0, 3]}


def make_dimensions() -> Dimensions:
    users = {
        "raw_userid": [5, 6, 7],
        "gender": [0.0, 1.0, 0.5],
        "age_code": [0, 1, 2],
        "occupation_code": [2, 1, 0],
        "zip_code": [1, 1, 0],
    }
    movies = {
        "raw_movieid": [5, 6, 7, 8],
        "title": ["a", "b", "c", "d"],
        "year": [None, 2000, 2001, 2002],
        "genres": GENRES,
        "period_code": [1, 0, 0, 0],
    }
    return Dimensions(
        Path("tables"),
        {"users": pa.table(users, USERS_SCHEMA), "movies": pa.table(movies, MOVIES_SCHEMA)},
        Vocabulary(
            "ids",
            {"genres": ("a", "b", "c", "d")},
            WHOLE_STARS,
            3,
            movielens_features(),
            {"users": "int32", "movies": "int32"},
        ),
        {name: np.array(counts, np.int32) for name, counts in COUNTS.items()},
        LINEAGE,
    )


def write_part(folder: Path, part: pa.Table = PART, **changes: str) -> Path:
    path = folder / "part.parquet"
    write_parquet(part, path, schemas.PART, replace(LINEAGE, **changes).to_metadata())
    return path


def make_many(users: int, movies: int) -> Dimensions:
    """Tables of any size, whose rows are those of `make_dimensions` again with other ids."""
    small = make_dimensions()
    tables = {}
    for (name, table), size in zip(small.tables.items(), (users, movies), strict=True):
        rows = table.take(np.arange(size) % len(table))
        tables[name] = rows.set_column(0, table.schema[0], pa.array(range(size), pa.int32()))
    return replace(small, tables=tables)
