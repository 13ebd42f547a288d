"""Bootstrap samples of users: their weights, metrics of all samples at once, and intervals.

Shapes: U users, S samples, W weights of a user, G groups of rows.
"""

from collections.abc import Callable, Mapping

import numba
import numpy as np

from recsys.common.arrays import Floats, Ints
from recsys.scoring.auc import Weights

# From weights, [U, W], to statistics with a value for each of them, [..., W].
Statistics = Callable[[Weights], Mapping[str, Floats]]
# Samples whose weights are in memory at once, one byte for each user.
SAMPLES_AT_ONCE = 128
# The probability of at most 0, 1, ... 11 under Poisson(1). More draws have a probability of 1e-9.
POISSON = np.cumsum(np.exp(-1) / np.cumprod([1.0, *range(1, 12)]))


def resample(statistics: Statistics, users: int, samples: int, seed: int) -> dict[str, Floats]:
    """Statistics of the data and of bootstrap samples that resample whole users.

    The ratings of a user resemble each other, so resampling rows would make intervals too narrow.
    In a sample, each user counts a Poisson(1) number of times. This is the limit of drawing with
    replacement (Oza & Russell 2001).

    Args:
        users: the number of users (U).
        samples: the number of samples (S).
        seed: of the samples. A user's weight depends on the seed, the user and the sample alone.

    Returns:
        each statistic, first of the data, then of each sample, [..., 1 + S]
    """
    blocks = [
        statistics(draw_weights(users, first, min(first + SAMPLES_AT_ONCE, samples + 1), seed))
        for first in range(0, samples + 1, SAMPLES_AT_ONCE)
    ]
    return {name: np.concatenate([b[name] for b in blocks], axis=-1) for name in blocks[0]}


def resample_means(values: Mapping[str, Floats], samples: int, seed: int) -> dict[str, Floats]:
    """Means over users, of the data and of bootstrap samples of the users, [1 + S] each.

    Args:
        values: of each user, [U] each
    """
    users = len(next(iter(values.values())))
    ones = {"users": np.ones(users)}
    sums = resample(lambda weights: weigh_users({**values, **ones}, weights), users, samples, seed)
    return {name: sums[name] / sums["users"] for name in values}


def interval(values: Floats, coverage: float = 0.95) -> tuple[float, float]:
    """The lower and the upper end of a percentile bootstrap interval (Efron 1979).

    Args:
        values: of the data, which is ignored, and of each sample, from `resample`, [1 + S]
        coverage: the probability with which the interval should cover the true value.

    Returns:
        (nan, nan) without samples.
    """
    if len(values) == 1:
        return np.nan, np.nan
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(values[1:], [tail, 1 - tail])
    return float(low), float(high)


def weigh_users(values: Mapping[str, Floats], weights: Weights) -> dict[str, Floats]:
    """The sums over users of their values times each of their weights, [W] each.

    Args:
        values: of each user, [U] each
        weights: [U, W]
    """
    users, start = np.arange(len(weights), dtype=np.int32), np.zeros(1, np.int64)
    return {name: weigh_rows(column, users, start, weights)[0] for name, column in values.items()}


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def weigh_rows(values: Floats, users: Ints, starts: Ints, weights: Weights) -> Floats:
    """The sums over rows of their values times each weight of their user, [G, W].

    Args:
        values, users: of each row, [N]
        starts: the first row of each group, ascending from 0, [G]
        weights: [U, W]
    """
    sums = np.zeros((len(starts), weights.shape[1]))
    for group in range(len(starts)):
        end = starts[group + 1] if group + 1 < len(starts) else len(values)
        total = sums[group]
        for row in range(starts[group], end):
            weight, value = weights[users[row]], values[row]
            for w in range(len(weight)):
                total[w] += value * weight[w]
    return sums


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def draw_weights(users: int, first: int, end: int, seed: int) -> Weights:
    """How often each user is in the samples from `first` to `end`; sample 0 is the data.

    Each user has a stream of random numbers, one for each sample (SplitMix64; Steele et al. 2014).

    Returns:
        1 in sample 0, else a draw from Poisson(1), [U, end - first]
    """
    weights = np.ones((users, end - first), np.uint8)
    for user in range(users):
        stream = _mix(_mix(np.uint64(seed)) + np.uint64(user))
        for sample in range(max(first, 1), end):
            uniform = _mix(stream + np.uint64(sample)) * 2.0**-64
            drawn = 0
            for below in POISSON:
                drawn += uniform >= below
            weights[user, sample - first] = drawn
    return weights


@numba.njit(nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _mix(state: np.uint64) -> np.uint64:
    """The output of SplitMix64 for a state that counts from 0."""
    state = (state + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.uint64 = state ^ (state >> np.uint64(31))
    return mixed
