"""Simple models that one would try before a neural network, with the pipeline's metrics."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from recsys.dataloader.dataset import MovieLensDataset
from recsys.evaluation.baselines import baselines
from recsys.scoring.metrics import classification_metrics, regression_metrics
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.parquet import read_column
from recsys.storage.parts import part_path
from recsys.storage.registry import FeatureParams, select_features

Params = dict[str, dict[str, Any]]
Metrics = dict[str, Any]
# Probabilities of a like, and stars, [rows] each.
Predictions = tuple[np.ndarray, np.ndarray]
# The baselines of the report, without features; and baselines on the columns of the stage features.
SIMPLE = ("base rate", "user and movie means")
ON_FEATURES = ("Gaussian process alone", "linear model", "gradient boosting")
# On a random split, these columns are means over all other training ratings of the user or movie.
# Without a training row's own rating, they say what it was not, and trees find that (AUC .811).
LEAVE_ONE_OUT = ("_mean", "_like_rate", "_spread", "_residual", "_affinity")
# Stars above 3 are likes. The Gaussian process takes stars for numbers, so the cut is halfway to 4.
MIN_LIKE = 3.5
BOOSTING = {"max_iter": 300, "learning_rate": 0.08, "max_leaf_nodes": 31, "random_state": 1}


class Inputs(NamedTuple):
    """A part of the ratings.

    Attributes:
        columns: the standardised dense columns by name, [rows] each
        codes: of features with few values, [rows, 3]
        labels, stars: what is predicted, [rows] each
    """

    columns: dict[str, np.ndarray]
    codes: np.ndarray
    labels: np.ndarray
    stars: np.ndarray


def judge_baseline(name: str, data: Path, params: Params) -> Metrics:
    """The metrics of a baseline on the test part.

    Args:
        name: one of `SIMPLE` or `ON_FEATURES`.
        data: a folder with encoded, split and features.
        params: the content of params.yaml.
    """
    if name in SIMPLE:
        return baselines(data / "split")[name]
    training, test = (_read(part, data, params) for part in ("train", "test"))
    if name == "Gaussian process alone":
        likes, stars = _predict_by_process(test, data)
    elif name == "linear model":
        likes, stars = _fit_line(training, test)
    else:
        likes, stars = _boost(training, test, params["split"]["method"] == "random")
    found = classification_metrics(test.labels, likes, 0.5)
    return found | regression_metrics(test.stars, np.clip(stars, 1, 5))


def _predict_by_process(test: Inputs, data: Path) -> Predictions:
    """The probability of more than 3.5 stars, and the stars, by the Gaussian process."""
    fitted = json.loads((data / "features/features.json").read_text())["standardisation"]
    stars, deviation = (
        test.columns[name].astype(float) * fitted[name][1] + fitted[name][0]
        for name in ("gp_stars", "gp_stars_deviation")
    )
    return ndtr((stars - MIN_LIKE) / deviation), stars


def _fit_line(training: Inputs, test: Inputs) -> Predictions:
    """scikit-learn's logistic and linear regression on the dense columns."""
    inputs, asked = (np.column_stack(list(part.columns.values())) for part in (training, test))
    likes = LogisticRegression(max_iter=300).fit(inputs, training.labels)
    stars = LinearRegression().fit(inputs, training.stars)
    return likes.predict_proba(asked)[:, 1], stars.predict(asked)


def _boost(training: Inputs, test: Inputs, leave_one_out: bool) -> Predictions:
    """scikit-learn's boosted trees, on dense columns and codes.

    Args:
        leave_one_out: whether the means leave out the row, and so are no input.
    """
    names = [n for n in training.columns if not (leave_one_out and n.endswith(LEAVE_ONE_OUT))]
    inputs, asked = (
        np.column_stack([*(part.columns[name] for name in names), part.codes])
        for part in (training, test)
    )
    likes = HistGradientBoostingClassifier(**BOOSTING).fit(inputs, training.labels)
    stars = HistGradientBoostingRegressor(**BOOSTING).fit(inputs, training.stars)
    return likes.predict_proba(asked)[:, 1], stars.predict(asked)


def _read(part: str, data: Path, params: Params) -> Inputs:
    features = select_features(FeatureParams.model_validate(params["features"]).names)
    dimensions = Dimensions.load(data / "encoded", data / "split/counts")
    path = part_path(data / "split", part)
    dataset = MovieLensDataset(path, dimensions, features, data / "features")
    rows = dataset.__getitems__(range(len(dataset)))
    bags = rows.sparse_features.to_dict()
    # Only features with one value in each row. Zip codes and movies have more values than bins.
    codes = [bags[name].values() for name in ("age", "occupation", "period")]
    columns = dict(zip(dataset.dense_names, rows.dense_features.numpy().T, strict=True))
    stars = read_column(path, schemas.PART, "rating")
    return Inputs(columns, np.column_stack(codes), dataset.labels[:, 0].numpy(), stars)
