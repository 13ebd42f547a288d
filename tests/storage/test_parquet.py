from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.storage import parquet, schemas
from recsys.storage.parquet import read_column, read_parquet, write_parquet

MOVIES = pd.DataFrame(
    {
        "period_code": [0, 1],
        "genres": [[1, 2], []],
        "title": ["a", "é"],
        "movieid": [1, 2],
        "raw_movieid": [5, 9],
        "year": pd.array([1995, None], "Int16"),
        "more": 0,
    }
)


def test_rows_survive_and_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_parquet(MOVIES, tmp_path / name, schemas.MOVIES)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    table = read_parquet(tmp_path / "one", schemas.MOVIES)
    assert table.to_pydict() == {
        "movieid": [1, 2],
        "raw_movieid": [5, 9],
        "title": ["a", "é"],
        "year": [1995, None],
        "period_code": [0, 1],
        "genres": [[1, 2], []],
    }
    column = pq.ParquetFile(tmp_path / "one").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    # pandas' own metadata would name its version.
    assert table.schema.metadata is None


def test_other_columns_are_told(tmp_path: Path) -> None:
    write_parquet(MOVIES, tmp_path / "movies", schemas.MOVIES)
    with pytest.raises(InputError, match="movies has the columns movieid, raw_movieid, title"):
        read_parquet(tmp_path / "movies", schemas.USERS)


def test_a_missing_or_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"PAR1")
    for name in ("missing", "damaged"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_parquet(tmp_path / name, schemas.USERS)


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_a_share_of_a_column(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 4)
    users = pd.DataFrame({name: np.arange(10) for name in schemas.HISTORY_LOG.names})
    write_parquet(users, tmp_path / "log", schemas.HISTORY_LOG)
    for rank in range(size):
        column = read_column(tmp_path / "log", schemas.HISTORY_LOG, "movieid", (rank, size))
        assert column.dtype == np.int32
        assert column.tolist() == list(range(rank, 10, size))
