"""On the real archives: the parsers against what is published of the data."""

import os
from pathlib import Path

import pytest

from recsys.common.params import load_params
from recsys.data.encoding import drop_ratings, encode_ratings, encode_tables
from recsys.data.params import SplitParams
from recsys.data.readers import Tables, read_tables
from recsys.data.splitting import split_file
from recsys.data.validation import check_tables
from recsys.sources.archives import fetch_release
from recsys.sources.releases import RELEASES
from recsys.storage import schemas
from recsys.storage.parquet import read_column, write_parquet
from tests.conftest import PARAMS

pytestmark = pytest.mark.real


def read(name: str, folder: Path) -> Tables:
    fetch_release(RELEASES[name], folder, os.environ["MOVIELENS_MIRROR"])
    tables = read_tables(folder, RELEASES[name])
    check_tables(tables, RELEASES[name])
    return tables


@pytest.mark.parametrize(("name", "positive"), [("ml-100k", 0.55375), ("ml-1m", 0.575)])
def test_the_published_files_keep_the_contracts(tmp_path: Path, name: str, positive: float) -> None:
    tables = read(name, tmp_path / "raw")
    encoded = encode_tables(tables, RELEASES[name])
    (ratings,) = encode_ratings(tables.ratings, encoded.vocabulary, label_threshold=3)
    facts = RELEASES[name].facts
    assert facts is not None
    assert len(ratings) == facts.ratings
    assert ratings["label"].mean() == pytest.approx(positive, abs=5e-4)
    assert ratings["userid"].max() == facts.users
    assert encoded.movies["raw_movieid"].iloc[-1] == facts.largest_movieid
    assert len(encoded.vocabulary.genres) == 18
    assert encoded.movies["year"].min() >= 1900


def test_a_title_with_colons_and_accents(tmp_path: Path) -> None:
    movies = read("ml-1m", tmp_path / "raw").movies.set_index("movieid")
    assert movies.loc[2571, "title"] == "Matrix, The (1999)"
    assert movies.loc[260, "title"] == "Star Wars: Episode IV - A New Hope (1977)"
    assert movies.loc[73, "title"].startswith("Mis\u00e9rables, Les")


def test_a_chronological_test_part_has_new_users(tmp_path: Path) -> None:
    tables = read("ml-1m", tmp_path / "raw")
    encoded = encode_tables(tables, RELEASES["ml-1m"])
    ratings = encode_ratings(tables.ratings, encoded.vocabulary, label_threshold=3)
    write_parquet(ratings, tmp_path / "ratings", schemas.RATINGS)
    params = load_params(PARAMS, SplitParams).model_copy(update={"method": "chronological"})
    counts = split_file(tmp_path / "ratings", params, tmp_path)
    assert counts == {"train": 800_167, "validation": 100_021, "test": 100_021}
    test, train = (
        read_column(tmp_path / f"{part}.parquet", schemas.PART, "userid")
        for part in ("test", "train")
    )
    assert 0 < (test == 0).mean() < 1
    assert (train > 0).all()


def test_the_protocols_have_the_published_rows(tmp_path: Path) -> None:
    """ReLLa's: five earlier ratings; the DCN V2 paper's: no threes."""
    tables = read("ml-1m", tmp_path / "raw")
    vocabulary = encode_tables(tables, RELEASES["ml-1m"]).vocabulary
    write_parquet(encode_ratings(tables.ratings, vocabulary, 3), tmp_path / "all", schemas.RATINGS)
    changes = {"method": "chronological", "min_history": 5}
    params = load_params(PARAMS, SplitParams).model_copy(update=changes)
    counts = split_file(tmp_path / "all", params, tmp_path)
    assert sum(counts.values()) == 970_009
    assert counts["test"] == 97_001
    assert len(drop_ratings(tables, (3,)).ratings) == 739_012
