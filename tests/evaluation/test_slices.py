import numpy as np
import pandas as pd

from recsys.evaluation.bootstrap import interval
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.slices import find_slices, metrics_by_slice
from recsys.pipeline.params import load_params
from recsys.scoring.metrics import weighted_auc
from tests.conftest import PARAMS
from tests.tables import PART, make_dimensions


def test_slices_by_gender_and_by_training_ratings() -> None:
    steps = {"user_steps": (1, 4), "movie_steps": (2, 3)}
    params = load_params(PARAMS)[EvaluateParams].model_copy(update=steps)
    users, movies = (PART[name].to_numpy() for name in ("user", "movie"))
    found = {
        name: mask.tolist()
        for name, mask in find_slices(users, movies, make_dimensions(), params).items()
    }
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


def test_the_interval_of_each_slice_holds_its_auc() -> None:
    predictions = make_predictions()
    likes = predictions["label"].to_numpy() == 1
    half = np.arange(400) < 200
    parts = {"half": half, "none": np.zeros(400, bool), "likes": likes}
    records = metrics_by_slice(predictions, parts, 50, seed=1)
    assert [(r["slice"], r["rows"]) for r in records] == [("all", 400), ("half", 200)]
    for record in records:
        assert record["low"] < record["auc"] < record["high"]
    columns = (predictions[name].to_numpy() for name in ("label", "score"))
    ends = interval(weighted_auc(*columns), predictions["raw_userid"].to_numpy(), 50, seed=1)
    assert (records[0]["low"], records[0]["high"]) == tuple(round(end, 5) for end in ends)
    width = [record["high"] - record["low"] for record in records]
    assert width[0] < width[1]


def test_stars_have_rmse_and_without_resamples_there_is_no_interval() -> None:
    predictions = make_predictions()[:7]
    (record,) = metrics_by_slice(predictions, {}, 0, seed=1)
    assert record["low"] is record["high"] is None
    assert "rmse" not in record
    assert record["positive_rate"] == round(float(predictions["label"].mean()), 4)
    some = np.arange(7) > 1
    whole, part = metrics_by_slice(predictions.assign(stars=4.0), {"some": some}, 0, seed=1)
    errors = predictions["rating"] - 4
    assert whole == record | {"rmse": round(float(np.sqrt((errors**2).mean())), 5)}
    assert part["rmse"] == round(float(np.sqrt((errors[some] ** 2).mean())), 5)
