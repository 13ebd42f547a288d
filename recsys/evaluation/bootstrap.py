"""How sure a metric is: intervals over redrawn users."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys.tasks.metrics import Array

Weights = npt.NDArray[np.float64]
# A metric of one part of the ratings as a function of its rows' weights, [N].
Weighted = Callable[[Weights], float]


def interval(
    metric: Weighted, users: Array, resamples: int, seed: int, coverage: float = 0.95
) -> tuple[float, float]:
    """A percentile bootstrap interval (Efron 1979) that redraws whole users.

    Ratings of a user resemble each other, so redrawing rows would make it too narrow. Each user
    counts a Poisson(1) number of times, the limit of drawing with replacement (Oza & Russell 2001).

    Args:
        users: by row, [N]
        resamples: how often the metric is computed; 0 gives (nan, nan).

    Returns:
        the lower and the upper end.
    """
    if not resamples:
        return np.nan, np.nan
    _, rows = np.unique(users, return_inverse=True)
    random = np.random.default_rng(seed)
    counts = random.poisson(1, size=(resamples, rows.max() + 1)).astype(float)
    values = [metric(weights[rows]) for weights in counts]
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def weighted_auc(labels: Array, scores: Array) -> Weighted:
    """Area under the ROC curve for rows that count a number of times; ties count half.

    Sorts once, so that each evaluation is a pass over the rows. nan where a class has no weight.
    """
    order = np.argsort(scores, kind="stable")
    positive = labels[order] == 1
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))

    def metric(weights: Weights) -> float:
        sorted_weights = weights[order]
        # By group of equal scores: the weight of each class.
        positives = np.diff(np.cumsum(sorted_weights * positive)[ends], prepend=0)
        negatives = np.diff(np.cumsum(sorted_weights * ~positive)[ends], prepend=0)
        pairs = positives.sum() * negatives.sum()
        below = np.cumsum(negatives) - negatives / 2
        return float(positives @ below / pairs) if pairs else np.nan

    return metric


def weighted_rmse(ratings: Array, predictions: Array) -> Weighted:
    """Root mean squared error for rows that count a number of times; nan without weight."""
    squares = (predictions.astype(np.float64) - ratings) ** 2

    def metric(weights: Weights) -> float:
        total = weights.sum()
        return float(np.sqrt(weights @ squares / total)) if total else np.nan

    return metric
