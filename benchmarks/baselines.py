"""What one would try before a neural network, judged as the pipeline judges."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from recsys.dataloader.dataset import MovieLensDataset
from recsys.reporting.baselines import baselines
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import FeatureParams
from recsys.tasks.metrics import classification_metrics, regression_metrics

Params = dict[str, dict[str, Any]]
Metrics = dict[str, Any]
# Those of the report, and boosted trees.
BASELINES = ("base rate", "user and movie means", "gradient boosting")


def judge_baseline(name: str, data: Path, params: Params) -> Metrics:
    """Metrics of the test part.

    Args:
        name: one of `BASELINES`.
        data: the folder with encoded, features and split.
    """
    if name == "gradient boosting":
        return boost(data, params)
    answers = baselines(data / "split", params["train"]["task"])
    # The first one of a regression is named after what it is there.
    return answers.get(name) or answers["mean"]


def boost(data: Path, params: Params) -> Metrics:
    """scikit-learn's on the same dense features, and the side fields as numbers."""
    classify = params["train"]["task"] == "classification"
    target = "label" if classify else "rating"
    features = FeatureParams.model_validate(params["features"]).selected
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
    # Those with a value a row; there are more zip codes and movies than it has bins.
    codes = [rows.sparse[name].values for name in ("age", "occupation", "period")]
    return np.column_stack([rows.dense, *codes])
