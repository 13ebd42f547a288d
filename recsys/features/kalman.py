"""Predicts each rating of a user from the others, in time linear in their number.

The state-space form of the process is that of `recsys.features.posterior`. Predictions from the
past come from a Kalman filter. Leave-one-out predictions come from the filter and a backward
recursion (de Jong 1988, "A cross-validation filter for time series models").

Shapes: N rows of all users, n rows of one user, S numbers of the state.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from recsys.features.posterior import Floats, Ints, Process
from recsys.features.visibility import Mask

# Users that a thread takes at once.
USERS_AT_ONCE = 256


def predict_rows(
    process: Process,
    user: Ints,
    movie: Ints,
    seconds: Ints,
    values: Floats,
    observed: Mask,
    wanted: Mask,
    past_only: bool,
    threads: int = 1,
) -> tuple[Floats, Floats]:
    """Predict the target of some rows from the ratings of the user that are visible to them.

    Args:
        user, movie, seconds: of rows that ascend by user, then time, [N]
        values: the target, [N]
        observed: whether a row is a rating that other rows see, [N]
        wanted: which rows to predict, [N]
        past_only: whether ratings of an earlier second are visible, or all others.
        threads: threads that share the users; any number gives the same numbers.

    Returns:
        the mean and the standard deviation of each prediction, [N]; NaN for rows of users without
        a wanted row
    """
    starts = np.flatnonzero(np.diff(user, prepend=-1))
    stops = np.append(starts[1:], len(user))
    some = np.add.reduceat(wanted, starts, dtype=int) > 0 if len(starts) else starts > 0
    starts, stops = starts[some], stops[some]
    residual = values - process.mean[movie]
    mean, variance = np.full(len(user), np.nan), np.full(len(user), np.nan)
    predict = _predict_from_past if past_only else _predict_leave_one_out

    def work(first: int) -> None:
        predict(
            starts[first : first + USERS_AT_ONCE],
            stops[first : first + USERS_AT_ONCE],
            movie,
            seconds,
            residual,
            observed,
            process.factors,
            process.variances,
            process.rates,
            process.noise,
            mean,
            variance,
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, len(starts), USERS_AT_ONCE)))
    return process.mean[movie] + mean, np.sqrt(variance)


@njit(nogil=True, cache=True)
def _predict_from_past(
    starts,
    stops,
    movie,
    seconds,
    residual,
    observed,
    factors,
    variances,
    rates,
    noise,
    mean,
    variance,
):
    size = len(variances)
    state, covariance = np.empty(size), np.empty((size, size))
    weights, gain = np.empty(size), np.empty(size)
    for start, stop in zip(starts, stops):
        _reset(state, covariance, variances)
        row = start
        while row < stop:
            if row > start:
                _advance(state, covariance, seconds[row] - seconds[row - 1], variances, rates)
            end = row
            # Rows of one second are predicted before any of them is absorbed.
            while end < stop and seconds[end] == seconds[row]:
                _observe(weights, factors[movie[end]])
                variance[end] = _multiply(covariance, weights, gain) + noise
                mean[end] = _dot(weights, state)
                end += 1
            for same in range(row, end):
                if observed[same]:
                    if end - row > 1:
                        _observe(weights, factors[movie[same]])
                    total = _multiply(covariance, weights, gain) + noise
                    surprise = residual[same] - _dot(weights, state)
                    _absorb(state, covariance, gain, surprise, total)
            row = end


@njit(nogil=True, cache=True)
def _predict_leave_one_out(
    starts,
    stops,
    movie,
    seconds,
    residual,
    observed,
    factors,
    variances,
    rates,
    noise,
    mean,
    variance,
):
    size = len(variances)
    state, covariance = np.empty(size), np.empty((size, size))
    weights, product = np.empty(size), np.empty(size)
    longest = 0
    for start, stop in zip(starts, stops):
        longest = max(longest, stop - start)
    gains, surprises, totals = np.empty((longest, size)), np.empty(longest), np.empty(longest)
    for start, stop in zip(starts, stops):
        _reset(state, covariance, variances)
        for row in range(start, stop):
            if row > start and seconds[row] != seconds[row - 1]:
                _advance(state, covariance, seconds[row] - seconds[row - 1], variances, rates)
            gain, place = gains[row - start], row - start
            _observe(weights, factors[movie[row]])
            totals[place] = _multiply(covariance, weights, gain) + noise
            surprises[place] = residual[row] - _dot(weights, state)
            mean[row] = residual[row] - surprises[place]
            if observed[row]:
                _absorb(state, covariance, gain, surprises[place], totals[place])
        # From here, `state` and `covariance` are what later rows say about the state, r and N.
        state[:] = 0
        covariance[:] = 0
        for row in range(stop - 1, start - 1, -1):
            if row < stop - 1 and seconds[row] != seconds[row + 1]:
                _recede(state, covariance, seconds[row + 1] - seconds[row], rates)
            gain, place = gains[row - start], row - start
            total = totals[place]
            later = _multiply(covariance, gain, product)
            if not observed[row]:
                mean[row] += _dot(gain, state)
                variance[row] = total - later
                continue
            _observe(weights, factors[movie[row]])
            error = (surprises[place] - _dot(gain, state)) / total
            precision = 1 / total + later / total**2
            mean[row] = residual[row] - error / precision
            variance[row] = 1 / precision
            for i in range(size):
                state[i] += weights[i] * error
                product[i] /= total
            for i in range(size):
                left, right = weights[i], product[i] - weights[i] * precision
                for j in range(size):
                    covariance[i, j] -= left * product[j] + right * weights[j]


@njit(nogil=True, cache=True)
def _reset(state, covariance, variances):
    state[:] = 0
    covariance[:] = 0
    for i in range(len(variances)):
        covariance[i, i] = variances[i]


@njit(nogil=True, cache=True)
def _observe(weights, factors):
    """Write [v, v, 1, ..., 1] to `weights`."""
    count = len(factors)
    weights[:count] = factors
    weights[count : 2 * count] = factors
    weights[2 * count :] = 1


@njit(nogil=True, cache=True)
def _dot(left, right):
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@njit(nogil=True, cache=True)
def _multiply(matrix, vector, product):
    """Write the product with a symmetric matrix, and return the quadratic form."""
    product[:] = 0
    for i in range(len(vector)):
        # Row by row, for additions of whole rows take one instruction for several numbers.
        for j in range(len(vector)):
            product[j] += matrix[i, j] * vector[i]
    return _dot(product, vector)


@njit(nogil=True, cache=True)
def _absorb(state, covariance, gain, surprise, total):
    for i in range(len(gain)):
        state[i] += gain[i] * (surprise / total)
        share = gain[i] / total
        for j in range(len(gain)):
            covariance[i, j] -= share * gain[j]


@njit(nogil=True, cache=True)
def _advance(state, covariance, seconds, variances, rates):
    """Go on to a later time: the state fades towards its prior."""
    _recede(state, covariance, seconds, rates)
    for i in range(len(rates)):
        covariance[i, i] += variances[i] * (1 - np.exp(-2 * seconds * rates[i]))


@njit(nogil=True, cache=True)
def _recede(state, covariance, seconds, rates):
    decay = np.exp(-seconds * rates)
    for i in range(len(rates)):
        state[i] *= decay[i]
        for j in range(len(rates)):
            covariance[i, j] *= decay[i] * decay[j]
