"""The points of the evaluation plots, from rows by ascending score.

Shapes: N rows.
"""

import numpy as np
import pandas as pd

from recsys.common.arrays import Ints
from recsys.scoring.auc import Ranked


def roc_curve(ranked: Ranked, points: int) -> pd.DataFrame:
    """The receiver operating characteristic; the diagonal if all labels are equal.

    Returns:
        false_positive_rate, true_positive_rate, and uninformed (the true positive rate of guessing)
    """
    likes, rows = _count_above(ranked)
    others = rows - likes
    if likes[-1] and others[-1]:
        # Only the ends of straight lines are points.
        ends = np.ones(len(rows), bool)
        ends[1:-1] = (np.diff(likes, 2) != 0) | (np.diff(others, 2) != 0)
        false, true = (np.append(0, n[ends]) for n in (others, likes))
    else:
        false, true = np.array([0, 1]), np.array([0, 1])
    some = thin(len(true), points)
    false, true = (counts[some] / counts[-1] for counts in (false, true))
    return pd.DataFrame(
        {"false_positive_rate": false, "true_positive_rate": true, "uninformed": false}
    )


def precision_recall_curve(ranked: Ranked, points: int) -> pd.DataFrame:
    """Precision at each recall.

    Returns:
        recall (ascending), precision, and uninformed (the precision of guessing)
    """
    likes, rows = _count_above(ranked)
    some = thin(len(likes), points)
    return pd.DataFrame(
        {
            "recall": likes[some] / max(likes[-1], 1),
            "precision": likes[some] / rows[some],
            "uninformed": likes[-1] / rows[-1],
        }
    )


def _count_above(ranked: Ranked) -> tuple[Ints, Ints]:
    """For each score, from the highest on, the likes and the rows of at least this score."""
    scores = ranked.scores[::-1]
    # Rows with equal scores are counted together, so only the last of them is a point.
    last = np.append(scores[1:] != scores[:-1], True)
    likes = np.cumsum(ranked.labels[::-1], dtype=np.uint32)[last]
    return likes, np.arange(1, len(last) + 1, dtype=np.uint32)[last]


def reliability_curve(ranked: Ranked, bins: int) -> pd.DataFrame:
    """Compare predictions with true values, in groups of equal size by ascending prediction.

    Returns:
        predicted and actual (the means of a group), perfect (equal to predicted), error (the
        standard error of actual; of labels the binomial one) and rows
    """
    starts = group_starts(len(ranked.scores), bins)[1:]
    means = [float(np.mean(some, dtype=float)) for some in np.split(ranked.scores, starts)]
    truths = [some.astype(np.float64) for some in np.split(ranked.labels, starts)]
    return pd.DataFrame(
        {
            "predicted": means,
            "actual": [truth.mean() for truth in truths],
            "perfect": means,
            "error": [truth.std() / np.sqrt(len(truth)) for truth in truths],
            "rows": [len(truth) for truth in truths],
        }
    )


def group_starts(rows: int, bins: int) -> Ints:
    """The first row of each group of the calibration; their sizes differ by at most one."""
    bins = min(bins, rows)
    larger = rows % bins
    starts: Ints = np.arange(bins) * (rows // bins) + np.minimum(np.arange(bins), larger)
    return starts


def confusion_counts(ranked: Ranked, threshold: float) -> pd.DataFrame:
    """The number of rows of each of the four pairs of actual and predicted class."""
    liked = np.searchsorted(ranked.scores, ranked.scores.dtype.type(threshold), side="right")
    parts = np.split(ranked.labels, [liked])
    rows = [[np.count_nonzero(part == label) for part in parts] for label in (0, 1)]
    names = ["no like", "like"]
    return pd.DataFrame(
        {"actual": np.repeat(names, 2), "predicted": names * 2, "rows": np.ravel(rows)}
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


def thin(rows: int, points: int) -> Ints:
    """At most so many evenly spaced rows of a curve, with both ends."""
    return np.unique(np.linspace(0, rows - 1, points).round().astype(int))
