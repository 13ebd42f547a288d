"""The file of `recommend --all` has for each user what `recommend --user` gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys.serving.people.person import find_person
from recsys.serving.recommend import recommend_all
from recsys.serving.recommend import recommender as recommender_module
from recsys.serving.recommend.options import DEFAULT_OPTIONS, RecommendOptions
from recsys.serving.recommend.recommend_all import recommend_to_all
from recsys.serving.recommend.recommend_one import recommend
from recsys.serving.recommend.recommender import Recommender
from recsys.storage import schemas
from recsys.storage.parquet import numbered, read_metadata, write_parquet
from recsys.storage.partitions import find_stretch
from tests.runs import GROUPS, Run, compute_run, save_model

TARGET = Path("all.parquet")
OPTIONS = RecommendOptions(("Drama", "comedy"), (1955, 1990), -0.2, 0.4)


def load(run: Run) -> tuple[Recommender, Path]:
    return Recommender.load(run.checkpoint, run.features, run.retrieval), run.ratings


@pytest.fixture(params=["plain", "chronological"])
def loaded(run: Run, request: pytest.FixtureRequest) -> tuple[Recommender, Path]:
    if request.param != "plain":
        compute_run(run, request.param, tuple(set(GROUPS) - {"gp_stars", "gp_like"}))
    return load(run)


def test_all_users_get_what_each_user_gets(
    run: Run, loaded: tuple[Recommender, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender, ratings = loaded
    monkeypatch.setattr(recommender_module, "PEOPLE_AT_ONCE", 7)
    monkeypatch.setattr(recommend_all, "ROWS_AT_ONCE", 100)
    ids = recommender.dimensions.ids["users"].take(range(61))
    middle = int(pd.read_parquet(run.ratings)["timestamp"].median())
    questions = ((None, DEFAULT_OPTIONS), (1_100_000_000, OPTIONS), (middle, DEFAULT_OPTIONS))
    for as_of, options in questions:
        rows = recommend_to_all(recommender, ratings, TARGET, 6, as_of, options)
        table = pd.read_parquet(TARGET)
        assert len(table) == rows
        assert table["userid"].unique().tolist() == ids
        some = table[table["userid"].isin(ids[::5])]
        for userid, found in some.groupby("userid"):
            person = find_person(recommender.scorer, run.ratings, int(userid))
            expected = recommend(recommender, person, 6, as_of, options)["recommended"]
            assert found["rank"].tolist() == list(range(1, len(expected) + 1))
            for column, name in (("movieid", "movie"), ("title", "title")):
                assert found[column].tolist() == [movie[name] for movie in expected]
            for name in ("score", "stars"):
                answers = [movie[name] for movie in expected]
                np.testing.assert_allclose(found[name], answers, atol=1e-4)
    metadata = pq.ParquetFile(TARGET).metadata
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert groups == [96, 96, 96, 78]


def test_a_model_with_the_label_alone_writes_no_stars(run: Run) -> None:
    save_model(run, thresholds="label")
    recommend_to_all(*load(run), TARGET, 2)
    assert pq.read_schema(TARGET).names == ["userid", "rank", "movieid", "title", "score"]


def test_a_file_is_replaced_only_by_a_whole_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    recommender, ratings = load(run)
    TARGET.write_text("old")
    monkeypatch.setattr(recommend_all, "ROWS_AT_ONCE", 60)
    calls = iter([recommender.rank, recommender.rank])
    monkeypatch.setattr(recommender, "rank", lambda *a, **b: next(calls)(*a, **b))
    before = sorted(Path().iterdir())
    with pytest.raises(StopIteration):
        recommend_to_all(recommender, ratings, TARGET, 3)
    assert sorted(Path().iterdir()) == before
    assert TARGET.read_text() == "old"


def test_the_columns_are_the_same_in_a_csv_file(run: Run) -> None:
    recommender, ratings = load(run)
    recommend_to_all(recommender, ratings, TARGET, 2)
    recommend_to_all(recommender, ratings, Path("all.csv"), 2)
    pd.testing.assert_frame_equal(
        pd.read_csv("all.csv"), pd.read_parquet(TARGET), check_dtype=False, rtol=1e-6
    )


def test_the_same_model_gives_the_same_bytes(run: Run) -> None:
    recommend_to_all(*load(run), TARGET, 3)
    recommend_to_all(*load(run), Path("again.parquet"), 3)
    assert TARGET.read_bytes() == Path("again.parquet").read_bytes()


def test_partitions_of_users_give_the_same_rows(run: Run, tmp_path: Path) -> None:
    recommender, ratings = load(run)
    recommend_to_all(recommender, ratings, TARGET, 3)
    whole, users = pd.read_parquet(ratings), len(recommender.dimensions.ids["users"])
    # One partition for each user, and some without any.
    for number in range(users + 3):
        first, last = find_stretch(number, users + 3, users)
        rows = whole[whole["user"].between(first, last - 1)]
        path = tmp_path / numbered(number)
        write_parquet(rows, path, schemas.RATINGS, read_metadata(ratings))
    recommend_to_all(recommender, tmp_path, Path("again.parquet"), 3)
    found, expected = (pd.read_parquet(path) for path in ("again.parquet", TARGET))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)
