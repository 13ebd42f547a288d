"""Bootstrap confidence intervals of metrics, over resampled users."""

import numpy as np

from recsys.scoring.metrics import Array, WeightedMetric


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
    """The metric of each bootstrap sample. The arguments are the same as of `interval`."""
    _, rows = np.unique(users, return_inverse=True)
    random = np.random.default_rng(seed)
    people = rows.max() + 1
    # One sample at a time: the weights of all samples would fill the memory.
    return [metric(random.poisson(1, people).astype(float)[rows]) for _ in range(resamples)]
