"""Bootstrap confidence intervals of metrics, over resampled users."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys.tasks.metrics import Array

Weights = npt.NDArray[np.float64]
# A metric of some rows as a function of their weights, [N].
WeightedMetric = Callable[[Weights], float]


def interval(
    metric: WeightedMetric, users: Array, resamples: int, seed: int, coverage: float = 0.95
) -> tuple[float, float]:
    """A percentile bootstrap interval (Efron 1979) that resamples whole users.

    The ratings of a user resemble each other, so resampling rows would make the interval too
    narrow. Each user counts a Poisson(1) number of times. This is the limit of drawing with
    replacement (Oza & Russell 2001).

    Args:
        metric: a function of the rows' weights.
        users: the user of each row, [N]
        resamples: how often the metric is computed; with 0 the interval is (nan, nan).
        seed: of the resampling.
        coverage: the probability with which the interval should cover the true value.

    Returns:
        the lower and the upper end.
    """
    if not resamples:
        return np.nan, np.nan
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(resample(metric, users, resamples, seed), [tail, 1 - tail])
    return float(low), float(high)


def resample(metric: WeightedMetric, users: Array, resamples: int, seed: int) -> list[float]:
    """The metric of each bootstrap sample; the arguments are those of `interval`."""
    _, rows = np.unique(users, return_inverse=True)
    random = np.random.default_rng(seed)
    people = rows.max() + 1
    # One sample at a time, because those of many users would fill the memory.
    return [metric(random.poisson(1, people).astype(float)[rows]) for _ in range(resamples)]


def weighted_auc(labels: Array, scores: Array) -> WeightedMetric:
    """Area under the ROC curve of weighted rows; ties count half, nan if a class has no weight.

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


def weighted_mean(values: Array) -> WeightedMetric:
    """The mean of weighted rows; nan if no row has weight."""
    return weighted_ratio(values, np.ones(len(values)))


def weighted_ratio(values: Array, units: Array) -> WeightedMetric:
    """The sum of weighted values over that of weighted units; nan if these have no weight."""
    # The product of other types would convert them each time.
    values, units = values.astype(np.float64), units.astype(np.float64)

    def metric(weights: Weights) -> float:
        total = weights @ units
        return float(weights @ values / total) if total else np.nan

    return metric


def weighted_rmse(ratings: Array, predictions: Array) -> WeightedMetric:
    """Root mean squared error of weighted rows; nan if no row has weight."""
    mean = weighted_mean((predictions.astype(np.float64) - ratings) ** 2)
    return lambda weights: float(np.sqrt(mean(weights)))
