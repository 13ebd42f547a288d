"""Metrics of predictions. Each but AUC is defined once, as a function of sums over rows.

So the same definition serves all rows, a slice of them, and bootstrap samples, whose sums weigh
each row by how often its user was drawn.

Shapes: N rows, K groups of rows.
"""

from collections.abc import Callable, Mapping

import numpy as np

from recsys.common.arrays import Floats, Ints
from recsys.scoring.auc import Array, auc

Metrics = dict[str, float | int | None]
Sums = Mapping[str, Floats]

# Rows whose values are in memory at once.
ROWS_AT_ONCE = 2**20


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
    together = np.broadcast_to(0, len(labels))
    sums = sum_rows(together, 1, classification_values(threshold), labels, scores)
    return {"auc": auc(labels, scores), **single(ratios(sums)), "rows": len(labels)}


def regression_metrics(ratings: Array, predictions: Array) -> Metrics:
    """Metrics of predicted ratings.

    Args:
        ratings, predictions: in stars, [N]

    Returns:
        rmse and mae, in stars, and rows.
    """
    together = np.broadcast_to(0, len(ratings))
    sums = sum_rows(together, 1, regression_values, ratings, predictions)
    return {**single(ratios(sums)), "rows": len(ratings)}


def sum_rows(
    groups: Ints, number: int, values: Callable[..., dict[str, Array]], *columns: Array
) -> dict[str, Floats]:
    """The sums of the rows' values in each group, [K] each.

    Args:
        groups: the group of each row, [N]
        number: of groups (K).
        values: from some rows of the columns to the values of these rows, by name.
        columns: [N] each
    """
    sums: dict[str, Floats] = {}
    for start in range(0, len(columns[0]), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        for name, found in values(*(column[some] for column in columns)).items():
            totals = sums.setdefault(name, np.zeros(number))
            np.add.at(totals, groups[some], found.astype(np.float64))
    return sums


def classification_values(threshold: float) -> Callable[[Array, Array], dict[str, Array]]:
    """The values of rows behind the metrics of `classification_metrics`, for `sum_rows`."""

    def values(labels: Array, scores: Array) -> dict[str, Array]:
        likelihood = np.where(labels == 1, scores, 1 - scores.astype(np.float64))
        return {
            "rows": np.ones(len(labels)),
            "likes": labels,
            "right": (scores > threshold) == labels,
            "loss": -np.log(np.clip(likelihood, np.finfo(np.float64).eps, 1)),
        }

    return values


def regression_values(ratings: Array, predictions: Array) -> dict[str, Array]:
    """The values of rows behind the metrics of `regression_metrics`, for `sum_rows`."""
    errors = predictions.astype(np.float64) - ratings
    return {
        "rows": np.ones(len(ratings)),
        "squared_error": errors**2,
        "absolute_error": np.abs(errors),
    }


def ratios(sums: Sums) -> dict[str, Floats]:
    """The metrics of sums, and rows, in the shape of a sum; nan where a metric is not defined.

    Args:
        sums: of `classification_values`, `regression_values`, `grouped_auc_sums`, and gaps: for
            each group of the calibration, the sum of prediction minus truth, [groups, ...]. Metrics
            whose sums are missing are left out.
    """
    rows = sums["rows"]
    found: dict[str, Floats] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        if "loss" in sums:
            loss, rate = sums["loss"] / rows, sums["likes"] / rows
            found |= {
                "accuracy": sums["right"] / rows,
                "log_loss": loss,
                "normalized_entropy": loss / _entropy(rate),
                "positive_rate": rate,
            }
        found["rows"] = rows
        if "grouped_auc" in sums:
            found["grouped_auc"] = sums["grouped_auc"] / sums["grouped_rows"]
        if "gaps" in sums:
            found["calibration_error"] = np.abs(sums["gaps"]).sum(0) / rows
        if "squared_error" in sums:
            found["rmse"] = np.sqrt(sums["squared_error"] / rows)
            found["mae"] = sums["absolute_error"] / rows
    return found


def _entropy(rate: Floats) -> Floats:
    """The entropy of a base rate, in nats; nan if a class has no rows."""
    return -rate * np.log(rate) - (1 - rate) * np.log1p(-rate)


def single(values: Sums) -> Metrics:
    """The only number of each metric, or the first; None where it is not defined."""
    return {name: None if np.isnan(value[0]) else float(value[0]) for name, value in values.items()}


def rounded(metrics: Metrics, digits: int = 5) -> Metrics:
    """Round floats, so that `dvc metrics diff` shows no digits that differ between machines."""
    return {k: round(v, digits) if isinstance(v, float) else v for k, v in metrics.items()}
