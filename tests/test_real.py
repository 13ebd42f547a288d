"""On the real archives: the parsers against what is published of the data."""

import os
from pathlib import Path

import pytest

from recsys.archives import fetch_release
from recsys.catalogue import RELEASES
from recsys.contracts import check_tables
from recsys.encoding import Encoded, encode_tables
from recsys.params import SplitParams, load_params
from recsys.splits import split_ratings
from recsys.tables import read_tables
from tests.conftest import PARAMS

pytestmark = pytest.mark.real


def encode(name: str, folder: Path) -> Encoded:
    fetch_release(RELEASES[name], folder, os.environ["MOVIELENS_MIRROR"])
    tables = read_tables(folder, RELEASES[name])
    check_tables(tables, RELEASES[name])
    return encode_tables(tables, RELEASES[name], label_threshold=3)


@pytest.mark.parametrize(("name", "positive"), [("ml-100k", 0.55375), ("ml-1m", 0.575)])
def test_the_published_files_keep_the_contracts(tmp_path: Path, name: str, positive: float) -> None:
    encoded = encode(name, tmp_path / "raw")
    facts = RELEASES[name].facts
    assert facts is not None
    assert len(encoded.ratings) == facts.ratings
    assert encoded.ratings["label"].mean() == pytest.approx(positive, abs=5e-4)
    assert encoded.ratings["userid"].max() == facts.users
    assert encoded.movies["raw_movieid"].iloc[-1] == facts.largest_movieid
    assert len(encoded.vocabulary.genres) == 18
    assert encoded.movies["year"].min() >= 1900


def test_a_title_with_colons_and_accents(tmp_path: Path) -> None:
    movies = encode("ml-1m", tmp_path / "raw").movies.set_index("raw_movieid")
    assert movies.loc[2571, "title"] == "Matrix, The (1999)"
    assert movies.loc[260, "title"] == "Star Wars: Episode IV - A New Hope (1977)"
    assert movies.loc[73, "title"].startswith("Mis\u00e9rables, Les")


def test_a_chronological_test_part_has_new_users(tmp_path: Path) -> None:
    ratings = encode("ml-1m", tmp_path / "raw").ratings
    params = load_params(PARAMS, SplitParams).model_copy(update={"method": "chronological"})
    parts = split_ratings(ratings, params)
    assert [len(part) for part in parts.values()] == [800_167, 100_021, 100_021]
    assert 0 < (parts["test"]["userid"] == 0).mean() < 1
    assert (parts["train"]["userid"] > 0).all()
