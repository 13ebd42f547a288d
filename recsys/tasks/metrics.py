"""How good scores are, from NumPy arrays."""

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
    """
    Args:
        labels: 0 or 1, [N]
        scores: probability of 1, [N]
        threshold: a score above it says 1

    Returns:
        auc (area under the ROC curve), accuracy, log_loss (nats), normalized_entropy (log loss
        over that of always saying the base rate; He et al. 2014, "Practical Lessons from
        Predicting Clicks on Ads at Facebook"), positive_rate and rows. With one class only, auc
        and normalized_entropy are None.
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
    """Mean over the groups' AUCs, each weighed by its rows: how well each user's list is ranked.

    Groups of one class are left out (Zhu et al. 2017, "Optimized Cost per Click in Taobao Display
    Advertising", where it is GAUC). None if all are.

    Args:
        labels: 0 or 1, [N]
        scores: [N]
        groups: the user of each row, [N]
    """
    table = pd.DataFrame({"group": groups, "label": labels, "score": scores})
    # The ranks of the ones add up to the pairs that they win, and those among themselves.
    table["rank"] = table.groupby("group")["score"].rank()
    table["rank_of_one"] = table["rank"] * table["label"]
    sums = table.groupby("group").agg(
        rows=("label", "size"), ones=("label", "sum"), ranks=("rank_of_one", "sum")
    )
    # `ones` is of the labels' type, which may be a byte.
    ones = sums["ones"].astype(float)
    pairs = ones * (sums["rows"] - ones)
    sums, ones = sums[pairs > 0], ones[pairs > 0]
    if sums.empty:
        return None
    won = sums["ranks"] - ones * (ones + 1) / 2
    return float(np.average(won / pairs[pairs > 0], weights=sums["rows"]))


def auc(labels: Array, scores: Array) -> float | None:
    """Area under the ROC curve; None, with a warning, where the labels are of one class."""
    if labels.min() == labels.max():
        log.warning("all %d labels are %d: AUC is not defined", len(labels), labels[0])
        return None
    return float(sk.roc_auc_score(labels, scores))


def log_loss(labels: Array, scores: Array) -> float:
    """Mean negative log likelihood of 0 or 1 labels, in nats."""
    # As float64, or scikit-learn would clip scores of 0 and 1 at float32's coarse epsilon.
    return float(sk.log_loss(labels, scores.astype(np.float64), labels=[0, 1]))


def regression_metrics(ratings: Array, predictions: Array) -> Metrics:
    """
    Args:
        ratings, predictions: stars, [N]

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
    """Without the digits that differ between machines, so that `dvc metrics diff` is quiet."""
    return {k: round(v, digits) if isinstance(v, float) else v for k, v in metrics.items()}
