"""Metrics of scores. Each is defined once, as a function of the weights of the rows.

With a weight of 1 for every row it is the metric. In a bootstrap, a row's weight is how often its
user was drawn. Such a function returns nan where the metric is not defined.

Shapes: N rows.
"""

import logging
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.floating | np.integer | np.bool_]
Metrics = dict[str, float | int | None]
Weights = npt.NDArray[np.float64]
WeightedMetric = Callable[[Weights], float]

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
    found = evaluate_all(weighted_classification(labels, scores, threshold), len(labels))
    return found | {
        "auc": auc(labels, scores),
        "positive_rate": float(labels.mean()),
        "rows": len(labels),
    }


def regression_metrics(ratings: Array, predictions: Array) -> Metrics:
    """Metrics of predicted ratings.

    Args:
        ratings, predictions: in stars, [N]

    Returns:
        rmse and mae, in stars, and rows.
    """
    found = evaluate_all(weighted_regression(ratings, predictions), len(ratings))
    return found | {"rows": len(ratings)}


def evaluate_all(metrics: Mapping[str, WeightedMetric], rows: int) -> Metrics:
    """The value of each metric, all rows weighing 1; None where it is not defined."""
    values = {name: metric(np.ones(rows)) for name, metric in metrics.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def auc(labels: Array, scores: Array) -> float | None:
    """Area under the ROC curve; None, with a warning, if all labels are equal."""
    value = weighted_auc(labels, scores)(np.ones(len(labels)))
    if np.isnan(value):
        log.warning("all %d labels are %d: AUC is not defined", len(labels), labels[0])
        return None
    return value


def weighted_classification(
    labels: Array, scores: Array, threshold: float
) -> dict[str, WeightedMetric]:
    """auc, accuracy, log_loss and normalized_entropy, as in `classification_metrics`."""
    loss = weighted_log_loss(labels, scores)
    return {
        "auc": weighted_auc(labels, scores),
        "accuracy": weighted_mean((scores > threshold) == labels),
        "log_loss": loss,
        "normalized_entropy": lambda weights: float(loss(weights) / _entropy(labels, weights)),
    }


def weighted_regression(ratings: Array, predictions: Array) -> dict[str, WeightedMetric]:
    """rmse and mae, as in `regression_metrics`."""
    return {
        "rmse": weighted_rmse(ratings, predictions),
        "mae": weighted_mean(np.abs(predictions.astype(np.float64) - ratings)),
    }


def weighted_auc(labels: Array, scores: Array) -> WeightedMetric:
    """Area under the ROC curve; ties count half.

    This sorts the rows once, so that each call of the metric is a single pass over them.
    """
    order = np.argsort(scores, kind="stable")
    positives, negatives = (order[labels[order] == label] for label in (1, 0))
    # For each positive row, how many negative rows have a lower score, and how many no higher one.
    lower, no_higher = (
        np.searchsorted(scores[negatives], scores[positives], side) for side in ("left", "right")
    )

    def metric(weights: Weights) -> float:
        ones, below = weights[positives], np.append(0, np.cumsum(weights[negatives]))
        pairs = ones.sum() * below[-1]
        return float(ones @ (below[lower] + below[no_higher]) / 2 / pairs) if pairs else np.nan

    return metric


def weighted_grouped_auc(labels: Array, scores: Array, groups: Array) -> WeightedMetric:
    """The mean of the groups' AUCs, weighted by their rows: how well each user's list is ranked.

    Groups whose labels are all equal are left out. Zhu et al. 2017, "Optimized Cost per Click in
    Taobao Display Advertising", call this metric GAUC. All rows of a group must have one weight.

    Args:
        labels: 0 or 1, [N]
        scores: [N]
        groups: the user of each row, [N]
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
    of_row = (won / pairs.replace(0, np.nan)).reindex(groups)
    return weighted_ratio(of_row.fillna(0).to_numpy(), of_row.notna().to_numpy())


def weighted_log_loss(labels: Array, scores: Array) -> WeightedMetric:
    """The mean negative log likelihood of labels 0 and 1, in nats."""
    likelihood = np.where(labels == 1, scores, 1 - scores.astype(np.float64))
    return weighted_mean(-np.log(np.clip(likelihood, np.finfo(np.float64).eps, 1)))


def weighted_rmse(ratings: Array, predictions: Array) -> WeightedMetric:
    """Root mean squared error."""
    mean = weighted_mean((predictions.astype(np.float64) - ratings) ** 2)
    return lambda weights: float(np.sqrt(mean(weights)))


def weighted_mean(values: Array) -> WeightedMetric:
    """The mean; nan if no row has weight."""
    return weighted_ratio(values, np.ones(len(values)))


def weighted_ratio(values: Array, units: Array) -> WeightedMetric:
    """The sum of the values over the sum of the units; nan if these have no weight."""
    # The product of other types would convert them each time.
    values, units = values.astype(np.float64), units.astype(np.float64)

    def metric(weights: Weights) -> float:
        total = weights @ units
        return float(weights @ values / total) if total else np.nan

    return metric


def _entropy(labels: Array, weights: Weights) -> float:
    """The entropy of the weighted base rate, in nats; nan if a class has no weight."""
    rate = weighted_mean(labels)(weights)
    return -rate * np.log(rate) - (1 - rate) * np.log1p(-rate) if 0 < rate < 1 else np.nan


def rounded(metrics: Metrics, digits: int = 5) -> Metrics:
    """Round floats, so that `dvc metrics diff` shows no digits that differ between machines."""
    return {k: round(v, digits) if isinstance(v, float) else v for k, v in metrics.items()}
