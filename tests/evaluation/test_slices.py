from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.common.arrays import Singles
from recsys.evaluation.bootstrap import draw_weights
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions
from recsys.evaluation.slices import find_slices, metrics_by_slice, resample_slices
from recsys.pipeline.params import load_params
from recsys.scoring.auc import auc
from tests.conftest import PARAMS as FILE
from tests.evaluation.made import make_slices
from tests.tables import PART, make_dimensions

PARAMS = load_params(FILE)[EvaluateParams]


def test_slices_by_gender_and_by_training_ratings() -> None:
    steps = {"user_steps": (1, 4), "movie_steps": (2, 3)}
    params = PARAMS.model_copy(update=steps)
    users, movies = (PART[name].to_numpy() for name in ("user", "movie"))
    names, cells = find_slices(users, movies, make_dimensions(), params)
    groups = cells.groups[cells.cell]
    found = {
        name: (groups == number).any(1).tolist() for number, name in enumerate(names) if number
    }
    assert names[0] == "all"
    assert (groups == 0).sum(1).tolist() == [1] * 5
    assert cells.number == len(names)
    # The rows have the users 0, 1, 2, 0, 2 with 4, 0, 1, 4, 1 training ratings. The genders of the
    # three users are 0, 1 and 0.5.
    assert found == {
        "women": [True, False, False, True, False],
        "men": [False, True, False, False, False],
        "users with under 1 training ratings": [False, True, False, False, False],
        "users with 1 to 3": [False, False, True, False, True],
        "users with 4 or more": [True, False, False, True, False],
        # The rows have the movies 2, 1, 0, 3, 2 with 0, 2, 1, 3, 0 training ratings.
        "movies with under 2 training ratings": [True, False, True, False, True],
        "movies with 2 to 2": [False, True, False, False, False],
        "movies with 3 or more": [False, False, False, True, False],
    }


def make_predictions(rows: int = 400, **columns: Singles) -> Predictions:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400).astype(np.int8)[:rows]
    users = np.repeat(np.arange(40, dtype=np.int32), 10)[:rows]
    scores = (labels + random.normal(size=400)[:rows]).astype(np.float32)
    return Predictions(users, (labels + 3).astype(np.float32), labels, scores, **columns)


def test_the_interval_of_each_slice_holds_its_auc() -> None:
    predictions = make_predictions()
    likes, half = predictions.label == 1, np.arange(400) < 200
    slices = make_slices(400, half=half, none=np.zeros(400, bool), likes=likes)
    records = metrics_by_slice(predictions, slices, PARAMS.model_copy(update={"bootstrap": 50}))
    assert [(r["slice"], r["rows"]) for r in records] == [("all", 400), ("half", 200)]
    for record in records:
        assert record["low"] < record["auc"] < record["high"]
    assert records[1]["auc"] == round(auc(predictions.label[half], predictions.score[half]), 5)
    width = [record["high"] - record["low"] for record in records]
    assert width[0] < width[1]


def test_the_samples_of_a_slice_are_its_weighted_auc() -> None:
    predictions, half = make_predictions(), np.arange(400) % 3 == 0
    # Users 0 to 19 have no rows in the second slice.
    late = predictions.user >= 20
    found = resample_slices(predictions, make_slices(400, half=half, late=late), 10, seed=1)
    weights = draw_weights(40, 0, 11, seed=1)[predictions.user]
    for name, rows in (("all", half | ~half), ("half", half), ("late", late)):
        expected = [
            roc_auc_score(predictions.label[rows], predictions.score[rows], sample_weight=w)
            for w in weights[rows].T
        ]
        assert found[name] == pytest.approx(expected)


def test_stars_have_rmse_and_without_samples_there_is_no_interval() -> None:
    params = PARAMS.model_copy(update={"bootstrap": 0})
    predictions = make_predictions(rows=7)
    (record,) = metrics_by_slice(predictions, make_slices(7), params)
    assert record["low"] is record["high"] is None
    assert "rmse" not in record
    assert record["positive_rate"] == round(float(predictions.label.mean()), 4)
    some, stars = np.arange(7) > 1, np.full(7, 4, np.float32)
    slices = make_slices(7, some=some)
    whole, part = metrics_by_slice(replace(predictions, stars=stars), slices, params)
    errors = predictions.rating - 4
    assert whole == record | {"rmse": round(float(np.sqrt((errors**2).mean())), 5)}
    assert part["rmse"] == round(float(np.sqrt((errors[some] ** 2).mean())), 5)
