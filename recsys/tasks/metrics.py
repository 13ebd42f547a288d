"""Metrics of scores, computed from NumPy arrays."""

import logging
import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import metrics as sk

Array = npt.NDArray[np.floating | np.integer | np.bool_]
Metrics = dict[str, float | int | None]

log = logging.getLogger(__name__)


def classification_metrics(labels: Array, scores: Array, threshold: float) -> Metrics:
    """Metrics of predicted probabilities.

    Args:
        labels: 0 or 1, [N]
        scores: the predicted probability of label 1, [N]
        threshold: a score above it predicts label 1.

    Returns:
        auc (area under the ROC curve), accuracy, log_loss (nats), normalized_entropy (the log loss
        divided by the log loss of always predicting the base rate; He et al. 2014, "Practical
        Lessons from Predicting Clicks on Ads at Facebook"), positive_rate and rows. If all labels
        are equal, auc and normalized_entropy are None.
    """
    rate = float(labels.mean())
    entropy = -rate * math.log(rate) - (1 - rate) * math.log1p(-rate) if 0 < rate < 1 else None
    loss = log_loss(labels, scores)
    return {
        "auc": auc(labels, scores),
        "accuracy": float(np.mean((scores > threshold) == labels)),
        "log_loss": loss,
        "normalized_entropy": loss / entropy if entropy else None,
        "positive_rate": rate,
        "rows": len(labels),
    }


def grouped_auc(labels: Array, scores: Array, groups: Array) -> float | None:
    """The mean of the groups' AUCs, weighted by their rows: how well each user's list is ranked.

    Groups whose labels are all equal are left out; None if no group remains. Zhu et al. 2017,
    "Optimized Cost per Click in Taobao Display Advertising", call this metric GAUC.

    Args:
        labels: 0 or 1, [N]
        scores: [N]
        groups: the user of each row, [N]
    """
    table = auc_of_groups(labels, scores, groups)
    return None if table.empty else float(np.average(table["auc"], weights=table["rows"]))


def auc_of_groups(labels: Array, scores: Array, groups: Array) -> pd.DataFrame:
    """The rows and the auc of each group that has both labels, ascending by group.

    Args:
        labels, scores, groups: as for `grouped_auc`.
    """
    table = pd.DataFrame({"group": groups, "label": labels, "score": scores})
    # The sum of the ranks of the ones counts the pairs that they win, plus the pairs of two ones.
    table["rank"] = table.groupby("group")["score"].rank()
    table["rank_of_one"] = table["rank"] * table["label"]
    sums = table.groupby("group").agg(
        rows=("label", "size"), ones=("label", "sum"), ranks=("rank_of_one", "sum")
    )
    # The labels may be bytes, in which the products below would overflow.
    ones = sums["ones"].astype(float)
    pairs = ones * (sums["rows"] - ones)
    won = sums["ranks"] - ones * (ones + 1) / 2
    return sums[["rows"]].assign(auc=won / pairs.replace(0, np.nan)).dropna()


def auc(labels: Array, scores: Array) -> float | None:
    """Area under the ROC curve; None, with a warning, if all labels are equal."""
    if labels.min() == labels.max():
        log.warning("all %d labels are %d: AUC is not defined", len(labels), labels[0])
        return None
    return float(sk.roc_auc_score(labels, scores))


def log_loss(labels: Array, scores: Array) -> float:
    """The mean negative log likelihood of labels 0 and 1, in nats."""
    # scikit-learn clips scores of 0 and 1 by the epsilon of their type, which is coarse in float32.
    return float(sk.log_loss(labels, scores.astype(np.float64), labels=[0, 1]))


def regression_metrics(ratings: Array, predictions: Array) -> Metrics:
    """Metrics of predicted ratings.

    Args:
        ratings, predictions: in stars, [N]

    Returns:
        rmse and mae, in stars, and rows.
    """
    errors = predictions.astype(np.float64) - ratings
    return {
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "mae": float(np.mean(np.abs(errors))),
        "rows": len(ratings),
    }


def rounded(metrics: Metrics, digits: int = 5) -> Metrics:
    """Round floats, so that `dvc metrics diff` shows no digits that differ between machines."""
    return {k: round(v, digits) if isinstance(v, float) else v for k, v in metrics.items()}
