from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.storage import parquet, schemas
from recsys.storage.parquet import (
    read_column,
    read_metadata,
    read_parquet,
    write_parquet,
)
from tests.tables import MOVIES_SCHEMA, USERS_SCHEMA

# The columns are in another order than the schema's, and one is not in the schema.
MOVIES = pd.DataFrame(
    {
        "period_code": [0, 1],
        "genres": [[1, 2], []],
        "title": ["a", "é"],
        "raw_movieid": [5, 9],
        "year": pd.array([1995, None], "Int16"),
        "more": 0,
    }
)


def test_rows_survive_and_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_parquet(MOVIES, tmp_path / name, MOVIES_SCHEMA)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    table = read_parquet(tmp_path / "one", MOVIES_SCHEMA)
    assert table.to_pydict() == {
        "raw_movieid": [5, 9],
        "title": ["a", "é"],
        "year": [1995, None],
        "genres": [[1, 2], []],
        "period_code": [0, 1],
    }
    column = pq.ParquetFile(tmp_path / "one").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    # The metadata of pandas would name its version.
    assert table.schema.metadata is None
    assert read_metadata(tmp_path / "one") == {}


def test_metadata_survives_and_equal_metadata_gives_equal_bytes(tmp_path: Path) -> None:
    metadata = {"ids": "0123abcd", "split": "é"}
    for name in ("one", "two"):
        write_parquet(MOVIES, tmp_path / name, MOVIES_SCHEMA, metadata)
    assert read_metadata(tmp_path / "one") == metadata
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    # Metadata changes neither the rows nor the schema that a file must have.
    table = read_parquet(tmp_path / "one", MOVIES_SCHEMA)
    write_parquet(MOVIES, tmp_path / "without", MOVIES_SCHEMA)
    assert table.to_pydict() == read_parquet(tmp_path / "without", MOVIES_SCHEMA).to_pydict()


def test_wrong_columns_are_reported(tmp_path: Path) -> None:
    write_parquet(MOVIES, tmp_path / "movies", MOVIES_SCHEMA)
    with pytest.raises(InputError, match="movies has the columns raw_movieid, title, year"):
        read_parquet(tmp_path / "movies", USERS_SCHEMA)


def test_a_missing_or_damaged_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"PAR1")
    for name in ("missing", "damaged"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_parquet(tmp_path / name, USERS_SCHEMA)
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_metadata(tmp_path / name)


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_a_partition_of_a_column_is_read(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 4)
    log = pd.DataFrame({"movie": np.arange(10)})
    write_parquet(log, tmp_path / "log", schemas.HISTORY_LOG)
    for rank in range(size):
        column = read_column(tmp_path / "log", schemas.HISTORY_LOG, "movie", (rank, size))
        assert column.dtype == np.int32
        assert column.tolist() == list(range(rank, 10, size))


def test_a_missing_column_or_nulls_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write_parquet(pa.table({"movie": [1, None]}, schemas.HISTORY_LOG), path, schemas.HISTORY_LOG)
    with pytest.raises(InputError, match="log: movie is null in 1 rows; run `dvc repro`, or rest"):
        read_column(path, schemas.HISTORY_LOG, "movie")
    with pytest.raises(InputError, match="log has no column user; run `dvc repro`, or restore it"):
        read_column(path, None, "user")


def test_damage_behind_the_columns_names_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "movies"
    write_parquet(MOVIES, path, MOVIES_SCHEMA)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 200 + content[204:])
    for read in (read_parquet, lambda *known: read_column(*known, "raw_movieid")):
        with pytest.raises(InputError, match="movies cannot be read") as error:
            read(path, MOVIES_SCHEMA)
        assert "\n" not in str(error.value)


def test_metadata_that_is_no_text_is_reported(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({b"ids": b"\xff"}), tmp_path / "a")
    with pytest.raises(InputError, match=r"a cannot be read .*utf-8"):
        read_metadata(tmp_path / "a")
