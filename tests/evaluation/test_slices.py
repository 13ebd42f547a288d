from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.evaluation import slices
from recsys.evaluation.slices import find_slices, judge_slices
from recsys.storage import schemas
from recsys.storage.parquet import read_parquet
from tests.dataloader.test_dataset import write_tables


def test_slices_by_gender_and_by_what_training_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users 0, 1 and 2 have two, one and two ratings; the movies 2, 1, 0, 3, 2 as many as here."""
    monkeypatch.setattr(slices, "USER_STEPS", (2, 3))
    monkeypatch.setattr(slices, "MOVIE_STEPS", (2, 3))
    part, users, _ = write_tables(tmp_path)
    found = find_slices(part, part, users)
    table = read_parquet(part, schemas.PART).to_pandas()
    gender = read_parquet(users, schemas.USERS)["gender"].to_numpy()
    assert found["women"].tolist() == (gender[table["user_row"]] == 0).tolist()
    assert found["men"].tolist() == (gender[table["user_row"]] == 1).tolist()
    for noun in ("user", "movie"):
        counts = table[f"{noun}_row"].map(table[f"{noun}_row"].value_counts())
        assert found[f"{noun}s with under 2 training ratings"].tolist() == (counts < 2).tolist()
        assert found[f"{noun}s with 2 to 2"].tolist() == (counts == 2).tolist()
        assert found[f"{noun}s with 3 or more"].tolist() == (counts >= 3).tolist()


def make_predictions() -> pd.DataFrame:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    return pd.DataFrame(
        {
            "raw_userid": np.repeat(np.arange(40), 10),
            "label": labels.astype(np.int8),
            "rating": (labels + 3).astype(np.float32),
            "score": (labels + random.normal(size=400)).astype(np.float32),
        }
    )


def test_each_slice_has_its_auc_within_its_interval() -> None:
    predictions = make_predictions()
    likes = predictions["label"].to_numpy() == 1
    half = np.arange(400) < 200
    parts = {"half": half, "none": np.zeros(400, bool), "likes": likes}
    records = judge_slices("classification", predictions, parts, 50, seed=1)
    assert [(r["slice"], r["rows"]) for r in records] == [("all", 400), ("half", 200)]
    for record in records:
        assert record["low"] < record["auc"] < record["high"]
    width = [record["high"] - record["low"] for record in records]
    assert width[0] < width[1]


def test_a_regression_has_rmse_and_no_intervals_where_none_are_wanted() -> None:
    (record,) = judge_slices("regression", make_predictions(), {}, 0, seed=1)
    assert record["low"] is record["high"] is None
    assert record["rmse"] > 0
