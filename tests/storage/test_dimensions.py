from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.parquet import read_metadata
from tests.prepared import load_dimensions, prepare
from tests.toy import make_toy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(make_toy(), tmp_path)
    return tmp_path


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load_dimensions(folder)
    assert "dvc repro" in str(error.value)
    assert "\n" not in str(error.value)


def test_saved_tables_load_unchanged(folder: Path, tmp_path: Path) -> None:
    dimensions = load_dimensions(folder)
    dimensions.save(tmp_path / "tables", tmp_path / "counts")
    loaded = Dimensions.load(tmp_path / "tables", tmp_path / "counts")
    assert loaded.tables == dimensions.tables
    assert (loaded.vocabulary, loaded.lineage) == (dimensions.vocabulary, dimensions.lineage)
    for name, counts in dimensions.training_ratings.items():
        assert loaded.training_ratings[name].tolist() == counts.tolist()


def test_tables_of_another_data_set_are_refused(folder: Path, tmp_path: Path) -> None:
    prepare(make_toy(seed=3, users=61), tmp_path / "other")
    (folder / "encoded").rename(tmp_path / "mine")
    (tmp_path / "other/encoded").rename(folder / "encoded")
    refuse(folder, "are of different runs: they differ in their users and movies")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1] * 59 + [None], r"counts/users.parquet: training_ratings is null in 1 rows"),
        ([1] * 59, r"counts/users.parquet has other rows than the users in"),
    ],
)
def test_counts_that_do_not_fit_the_tables_are_refused(
    folder: Path, counts: list[int], message: str
) -> None:
    path = folder / "split/counts/users.parquet"
    schema = schemas.COUNTS.with_metadata(read_metadata(path))
    pq.write_table(pa.table({"training_ratings": counts}, schema), path)
    refuse(folder, message)
