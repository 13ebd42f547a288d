"""The points of the evaluation plots."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from recsys.scoring.metrics import Array, WeightedMetric, Weights


def roc_curve(labels: Array, scores: Array, points: int) -> pd.DataFrame:
    """The receiver operating characteristic; the diagonal if all labels are equal.

    Returns:
        false_positive_rate, true_positive_rate, and uninformed (the true positive rate of guessing)
    """
    if labels.min() == labels.max():
        false, true = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    else:
        false, true, _ = sk.roc_curve(labels, scores)
    curve = pd.DataFrame({"false_positive_rate": false, "true_positive_rate": true})
    return thin(curve.assign(uninformed=curve["false_positive_rate"]), points)


def precision_recall_curve(labels: Array, scores: Array, points: int) -> pd.DataFrame:
    """Precision at each recall.

    Returns:
        recall (ascending), precision, and uninformed (the precision of guessing)
    """
    order = np.argsort(scores, kind="stable")[::-1]
    hits = np.cumsum(labels[order] == 1)
    # Rows with equal scores are recalled together, so only the last of them is a point.
    last = np.append(np.diff(scores[order]) != 0, True)
    curve = pd.DataFrame(
        {
            "recall": hits[last] / max(hits[-1], 1),
            "precision": hits[last] / (np.flatnonzero(last) + 1),
        }
    )
    return thin(curve.assign(uninformed=float(np.mean(labels == 1))), points)


def reliability_curve(actual: Array, predicted: Array, bins: int) -> pd.DataFrame:
    """Compare predictions with true values, in groups of equal size by ascending prediction.

    Returns:
        predicted and actual (the means of a group), perfect (equal to predicted), error (the
        standard error of actual; of labels the binomial one) and rows
    """
    groups = np.array_split(np.argsort(predicted, kind="stable"), min(bins, len(predicted)))
    truths = [actual[group].astype(np.float64) for group in groups]
    means = [float(np.mean(predicted[group], dtype=np.float64)) for group in groups]
    return pd.DataFrame(
        {
            "predicted": means,
            "actual": [truth.mean() for truth in truths],
            "perfect": means,
            "error": [truth.std() / np.sqrt(len(truth)) for truth in truths],
            "rows": [len(truth) for truth in truths],
        }
    )


def weighted_calibration_error(actual: Array, predicted: Array, bins: int) -> WeightedMetric:
    """The mean absolute difference of prediction and truth over groups, weighted by rows.

    This is the expected calibration error (Naeini et al. 2015), in the unit of the predictions. The
    groups are the same as in `reliability_curve`, whatever the weights.
    """
    order = np.argsort(predicted, kind="stable")
    gaps = (predicted.astype(np.float64) - actual)[order]
    starts = np.cumsum([0, *(len(g) for g in np.array_split(order, min(bins, len(order))))])[:-1]

    def metric(weights: Weights) -> float:
        total = weights.sum()
        sums = np.add.reduceat(weights[order] * gaps, starts)
        return float(np.abs(sums).sum() / total) if total else np.nan

    return metric


def confusion_counts(labels: Array, liked: Array) -> pd.DataFrame:
    """The number of rows of each of the four pairs of actual and predicted class."""
    counts = sk.confusion_matrix(labels, liked, labels=[0, 1])
    names = ["no like", "like"]
    return pd.DataFrame(
        {"actual": np.repeat(names, 2), "predicted": names * 2, "rows": counts.ravel()}
    )


def slice_intervals(records: list[dict[str, object]]) -> pd.DataFrame:
    """The points of the plot of slices: slice, value, low, high and rows.

    Args:
        records: from `metrics_by_slice`. Without resampling, low and high are empty.
    """
    points = pd.DataFrame(records).rename(columns={"auc": "value"})
    # Without records, the file has its header alone.
    points = points.reindex(columns=["slice", "value", "low", "high", "rows"])
    return points.astype({"low": float, "high": float})


def thin(curve: pd.DataFrame, points: int) -> pd.DataFrame:
    """Evenly spaced rows of a curve, including both ends."""
    rows = np.unique(np.linspace(0, len(curve) - 1, points).round().astype(int))
    return curve.iloc[rows]
