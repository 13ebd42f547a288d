"""What one would try before a neural network, judged as the pipeline judges."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from recsys.dataset import MovieLensDataset
from recsys.metrics import classification_metrics, regression_metrics
from recsys.params import FeatureParams

Params = dict[str, dict[str, Any]]
Metrics = dict[str, Any]
# Pseudo-ratings that draw a mean to the overall one.
PRIOR = 5


def read_part(data: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(data / f"split/{name}.parquet")


def judge(params: Params, part: pd.DataFrame, scores: np.ndarray) -> Metrics:
    if params["train"]["task"] == "classification":
        scores = np.clip(scores, 1e-6, 1 - 1e-6)
        return classification_metrics(part["label"].to_numpy(), scores, 0.5)
    return regression_metrics(part["rating"].to_numpy(), np.clip(scores, 1, 5))


def target_of(params: Params) -> str:
    return "label" if params["train"]["task"] == "classification" else "rating"


def base_rate(data: Path, params: Params) -> Metrics:
    """The training part's mean for everyone."""
    training, test = read_part(data, "train"), read_part(data, "test")
    return judge(params, test, np.full(len(test), training[target_of(params)].mean()))


def user_and_movie_means(data: Path, params: Params) -> Metrics:
    """The movie's mean, and how much more than others' the user's are; of the training part."""
    training, test = read_part(data, "train"), read_part(data, "test")
    target = training[target_of(params)]
    average = target.mean()
    scores = np.full(len(test), average)
    rest = target - average
    for key in ("movie_row", "user_row"):
        groups = rest.groupby(training[key])
        means = groups.sum() / (groups.size() + PRIOR)
        rest = rest - training[key].map(means)
        scores += test[key].map(means).fillna(0).to_numpy()
    return judge(params, test, scores)


def gradient_boosting(data: Path, params: Params) -> Metrics:
    """scikit-learn's on the same dense features, and the side fields as categories."""
    features = FeatureParams.model_validate(params["features"])
    tables = (data / "encoded/users.parquet", data / "encoded/movies.parquet")
    parts = {
        name: MovieLensDataset(
            data / f"split/{name}.parquet",
            *tables,
            "rating" if target_of(params) == "rating" else "label",
            features,
            data / "features",
        )
        for name in ("train", "test")
    }
    inputs = {name: _inputs(part) for name, part in parts.items()}
    classify = params["train"]["task"] == "classification"
    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    model = kind(max_iter=300, learning_rate=0.08, max_leaf_nodes=31, random_state=1)
    model.fit(inputs["train"], parts["train"].label.numpy())
    test = inputs["test"]
    scores = model.predict_proba(test)[:, 1] if classify else model.predict(test)
    return judge(params, read_part(data, "test"), scores)


def _inputs(part: MovieLensDataset) -> np.ndarray:
    rows = part.__getitems__(range(len(part)))
    # Those with a value a row; there are more zip codes and movies than it has bins.
    codes = [rows.sparse[name][0] for name in ("age", "occupation", "period")]
    return np.column_stack([rows.dense, *codes])


BASELINES: dict[str, Callable[[Path, Params], Metrics]] = {
    "base rate": base_rate,
    "user and movie means": user_and_movie_means,
    "gradient boosting": gradient_boosting,
}
