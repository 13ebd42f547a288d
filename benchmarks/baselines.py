"""Simple models that one would try before a neural network, with the pipeline's metrics."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from recsys.dataloader.dataset import MovieLensDataset
from recsys.reporting.baselines import baselines
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import FeatureParams, select_features
from recsys.tasks.metrics import classification_metrics, regression_metrics

Params = dict[str, dict[str, Any]]
Metrics = dict[str, Any]
# The baselines of the report, and boosted trees.
BASELINES = ("base rate", "user and movie means", "gradient boosting")


def judge_baseline(name: str, data: Path, params: Params) -> Metrics:
    """The metrics of a baseline on the test part.

    Args:
        name: one of `BASELINES`.
        data: a folder with encoded, split and features.
        params: the content of params.yaml.
    """
    if name == "gradient boosting":
        return boost(data, params)
    answers = baselines(data / "split", params["train"]["task"])
    # For a regression, the first baseline predicts the mean and is named so.
    return answers.get(name) or answers["mean"]


def boost(data: Path, params: Params) -> Metrics:
    """The metrics of scikit-learn's boosted trees, on dense features and the codes of others."""
    classify = params["train"]["task"] == "classification"
    target = "label" if classify else "rating"
    features = select_features(FeatureParams.model_validate(params["features"]).names)
    dimensions = Dimensions.load(data / "encoded", data / "split/counts")
    training, test = (
        MovieLensDataset(
            data / f"split/{name}.parquet", dimensions, target, features, data / "features"
        )
        for name in ("train", "test")
    )
    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    model = kind(max_iter=300, learning_rate=0.08, max_leaf_nodes=31, random_state=1)
    model.fit(_inputs(training), training.label.numpy())
    truth = test.label.numpy()
    if classify:
        return classification_metrics(truth, model.predict_proba(_inputs(test))[:, 1], 0.5)
    return regression_metrics(truth, np.clip(model.predict(_inputs(test)), 1, 5))


def _inputs(part: MovieLensDataset) -> np.ndarray:
    rows = part.__getitems__(range(len(part)))
    # Only features with one value in each row. Zip codes and movies have more values than bins.
    codes = [rows.sparse[name].values for name in ("age", "occupation", "period")]
    return np.column_stack([rows.dense, *codes])
