"""Predict ratings of many users by Kalman filters and smoothers, in linear time.

- Past only: a Kalman filter. All rows of a second are predicted before it is updated with any.
- Leave-one-out: the filter, then the backward recursion of de Jong (1988, "A cross-validation
  filter for time series models"). A context row is predicted from the others of its user, and
  another row from all context rows.

`posterior` says what the state is, and has the same filter in NumPy for one user.

The filter holds the *reduction* of the covariance: the prior covariance less the covariance. The
prior is stationary, so time only scales the mean and the reduction, by exp(-rate * seconds). The
loops leave both as they were at a reference time, and scale the observation vector instead. So a
step in time costs S operations in place of S^2. The backward recursion does the same.

Shapes: N ratings, G users that have a rating, n ratings of one user, S numbers in a state.
"""

from typing import NamedTuple

import numba
import numpy as np

from recsys.common.arrays import Floats, Ints, Mask
from recsys.features.gaussian_process.blocks import run_in_blocks
from recsys.features.gaussian_process.posterior import GaussianProcess

# If a scale falls below this, the reference moves, as 1 / scale^2 must not overflow.
MIN_SCALE = 1e-60


# What the compiled loops take of a `GaussianProcess`: factors, variances, rates, prior_mean,
# prior_shifts and noise.
Process = tuple[Floats, Floats, Floats, Floats, Floats, float]


class Rows(NamedTuple):
    """Rows of some users, and where their predictions go.

    Attributes:
        starts: the first row of each user, and the number of rows, [G + 1]
        movie, seconds: [N]
        residual: the rating less the movie's mean, [N]
        is_context: whether other rows are predicted from the row, [N]
        in_prior: whether the row moves the prior mean of its user, in leave-one-out, [N]
        mean, variance: get the predictions of the residuals, [N]
    """

    starts: Ints
    movie: Ints
    seconds: Ints
    residual: Floats
    is_context: Mask
    in_prior: Mask
    mean: Floats
    variance: Floats


def predict_rows(
    process: GaussianProcess,
    user: Ints,
    movie: Ints,
    seconds: Ints,
    values: Floats,
    is_context: Mask,
    past_only: bool,
    threads: int = 1,
    in_prior: Mask | None = None,
) -> tuple[Floats, Floats]:
    """Predict each row from the context rows of its user.

    Args:
        user, movie, seconds: rows that ascend by user, then seconds, [N]
        values: the ratings, [N]; any number where a row is no context.
        is_context: which ratings are known, [N]. The others are predicted, and no prediction
            depends on them.
        past_only: predict from the context of earlier seconds; otherwise from all but the row.
        threads: any number gives the same bytes.
        in_prior: which ratings move the prior mean of their user in leave-one-out, [N]; without it,
            all that are known. If the past is visible alone, all that are known move it.

    Returns:
        the mean and the standard deviation of each rating, [N]
    """
    expected = process.mean[movie]
    residual = np.where(is_context, values - expected, 0.0)
    mean, variance = np.empty(len(user)), np.empty(len(user))
    new_user = np.flatnonzero(np.diff(user, prepend=user[:1] - 1))
    starts = np.append(new_user, len(user))
    in_prior = is_context if in_prior is None else in_prior
    predict = _predict_from_earlier if past_only else _predict_leave_one_out
    factors, variances, rates, prior_mean, prior_shifts = (
        np.ascontiguousarray(getattr(process, name), np.float64)
        for name in ("factors", "variances", "rates", "prior_mean", "prior_shifts")
    )
    arrays = factors, variances, rates, prior_mean, prior_shifts, process.noise
    # One type each, as the loops are compiled anew for others.
    movie, seconds = movie.astype(np.int32, copy=False), seconds.astype(np.int64, copy=False)

    def work(first: int, last: int) -> None:
        rows = slice(starts[first], starts[last])
        block = Rows(
            starts[first : last + 1] - starts[first],
            movie[rows],
            seconds[rows],
            residual[rows],
            is_context[rows],
            in_prior[rows],
            mean[rows],
            variance[rows],
        )
        predict(arrays, block)

    run_in_blocks(work, starts, threads)
    return expected + mean, np.sqrt(variance)


@numba.njit(nogil=True, cache=True)
def _predict_from_earlier(process: Process, rows: Rows) -> None:
    """Predict each row from the context rows of earlier seconds."""
    factors, variances, rates, prior_mean, prior_shifts, noise = process
    starts, movie, seconds, residual, is_context, _, mean, variance = rows
    size = len(variances)
    state, reduction, prior = np.empty(size), np.empty((size, size)), np.empty(size)
    scale, observation, covariance = np.empty(size), np.empty(size), np.empty(size)
    shifts, weights = np.empty(len(prior_mean)), np.empty(len(prior_mean))
    for group in range(len(starts) - 1):
        row, stop = starts[group], starts[group + 1]
        reference = seconds[row]
        state[:] = 0
        reduction[:] = 0
        shifts[:] = 0
        count = 0
        while row < stop:
            now = seconds[row]
            if _rescale(now - reference, rates, scale, state, reduction):
                reference = now
            prior[:] = variances / scale**2
            # The gain of the prior mean of the lasting factors is covariance / prior variance.
            for i in range(len(weights)):
                weights[i] = (prior_mean[i] + shifts[i] / np.sqrt(max(count, 1))) / variances[i]
            end = row
            while end < stop and seconds[end] == now:
                _observe(factors[movie[end]], scale, observation)
                _covary(prior, reduction, observation, covariance)
                mean[end] = _dot(observation, state) + _dot(weights, covariance)
                variance[end] = _dot(observation, covariance) + noise
                end += 1
            while row < end:
                if is_context[row]:
                    _observe(factors[movie[row]], scale, observation)
                    _covary(prior, reduction, observation, covariance)
                    total = _dot(observation, covariance) + noise
                    innovation = residual[row] - _dot(observation, state)
                    _add(covariance, innovation / total, state)
                    _add_square(covariance, 1 / total, reduction)
                    _add(prior_shifts[movie[row]], 1.0, shifts)
                    count += 1
                row += 1


@numba.njit(nogil=True, cache=True)
def _predict_leave_one_out(process: Process, rows: Rows) -> None:
    """Predict each row from the other context rows.

    The prior mean of a user's state is the same for all rows, so their residuals are shifted by it.
    With k = p / D_f the gain of a row, de Jong's recursion from the last row to the first is

        u = e / D_f - k . r             r <- r + h u
        D = 1 / D_f + k . N k           N <- N - h (N k)^T - (N k) h^T + D h h^T

    e, D_f and p are the filter's innovation, its variance, and the covariance of state and rating.
    Without the row, the rating has mean y - u / D and variance 1 / D. A row that is no context has
    the filter's mean + p . r and variance D_f - p . N p.
    """
    factors, variances, rates, prior_mean, prior_shifts, noise = process
    starts, movie, seconds, residual, is_context, in_prior, mean, variance = rows
    size = len(variances)
    longest = np.max(starts[1:] - starts[:-1])
    covariances = np.empty((longest, size))
    state, matrix, prior = np.empty(size), np.empty((size, size)), np.empty(size)
    scale, observation, product = np.empty(size), np.empty(size), np.empty(size)
    user_mean = np.empty(len(prior_mean))
    for group in range(len(starts) - 1):
        start, stop = starts[group], starts[group + 1]
        _average(prior_mean, prior_shifts, movie[start:stop], in_prior[start:stop], user_mean)
        for row in range(start, stop):
            residual[row] -= _dot(user_mean, factors[movie[row]])
        # Forward: state is the mean, matrix the reduction.
        reference = seconds[start]
        state[:] = 0
        matrix[:] = 0
        for row in range(start, stop):
            if _rescale(seconds[row] - reference, rates, scale, state, matrix):
                reference = seconds[row]
            prior[:] = variances / scale**2
            covariance = covariances[row - start]
            _observe(factors[movie[row]], scale, observation)
            _covary(prior, matrix, observation, covariance)
            mean[row] = _dot(observation, state)
            total = _dot(observation, covariance) + noise
            variance[row] = total
            if is_context[row]:
                _add(covariance, (residual[row] - mean[row]) / total, state)
                _add_square(covariance, 1 / total, matrix)
            covariance *= scale
        # Backward: state is r, matrix is N.
        reference = seconds[stop - 1]
        state[:] = 0
        matrix[:] = 0
        for row in range(stop - 1, start - 1, -1):
            if _rescale(reference - seconds[row], rates, scale, state, matrix):
                reference = seconds[row]
            covariance = covariances[row - start]
            covariance *= scale
            _multiply(matrix, covariance, product)
            shift, shrinkage = _dot(covariance, state), _dot(covariance, product)
            total = variance[row]
            if is_context[row]:
                error = (residual[row] - mean[row] - shift) / total
                precision = (1 + shrinkage / total) / total
                mean[row] = residual[row] - error / precision
                variance[row] = 1 / precision
                _observe(factors[movie[row]], 1 / scale, observation)
                _add(observation, error, state)
                # Half of D h h^T for each of the two products.
                for i in range(size):
                    product[i] = observation[i] * precision / 2 - product[i] / total
                _add_products(observation, product, matrix)
            else:
                mean[row] += shift
                variance[row] = total - shrinkage
            mean[row] += _dot(user_mean, factors[movie[row]])


@numba.njit(nogil=True, cache=True)
def _average(
    prior_mean: Floats, prior_shifts: Floats, movie: Ints, in_prior: Mask, user_mean: Floats
) -> None:
    """The prior mean of one user's lasting factors, [K]."""
    user_mean[:] = 0
    for row in range(len(movie)):
        if in_prior[row]:
            _add(prior_shifts[movie[row]], 1.0, user_mean)
    count = max(in_prior.sum(), 1)
    for i in range(len(user_mean)):
        user_mean[i] = prior_mean[i] + user_mean[i] / np.sqrt(count)


@numba.njit(nogil=True, cache=True)
def _rescale(elapsed: int, rates: Floats, scale: Floats, vector: Floats, matrix: Floats) -> bool:
    """Set `scale` to exp(-rate * elapsed), [S], and say whether the reference moves.

    If it does, then vector, [S], and matrix, [S, S], are scaled and `scale` is 1.
    """
    for i in range(len(scale)):
        if i and rates[i] == rates[i - 1]:
            scale[i] = scale[i - 1]
        else:
            scale[i] = np.exp(-rates[i] * elapsed)
    if scale.min() >= MIN_SCALE:
        return False
    for i in range(len(scale)):
        vector[i] *= scale[i]
        for j in range(len(scale)):
            matrix[i, j] *= scale[i] * scale[j]
    scale[:] = 1
    return True


@numba.njit(nogil=True, cache=True)
def _observe(factors: Floats, scale: Floats, observation: Floats) -> None:
    """The observation vector [v, v, 1..1] of a movie, scaled, [S]"""
    count = len(factors)
    for i in range(count):
        observation[i] = factors[i] * scale[i]
        observation[count + i] = factors[i] * scale[count + i]
    for i in range(2 * count, len(scale)):
        observation[i] = scale[i]


@numba.njit(nogil=True, cache=True)
def _covary(prior: Floats, reduction: Floats, observation: Floats, covariance: Floats) -> None:
    """The covariance of the state and a rating, (prior - reduction) h, [S]"""
    _multiply(reduction, observation, covariance)
    for i in range(len(prior)):
        covariance[i] = prior[i] * observation[i] - covariance[i]


@numba.njit(nogil=True, cache=True)
def _dot(left: Floats, right: Floats) -> float:
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@numba.njit(nogil=True, cache=True)
def _add(vector: Floats, factor: float, total: Floats) -> None:
    for i in range(len(total)):
        total[i] += factor * vector[i]


# The loops over j below have no sum, so they use the processor's vector instructions as they are.
@numba.njit(nogil=True, cache=True)
def _multiply(matrix: Floats, vector: Floats, product: Floats) -> None:
    """The product of a symmetric matrix and a vector."""
    product[:] = 0
    for i in range(len(vector)):
        for j in range(len(vector)):
            product[j] += matrix[i, j] * vector[i]


@numba.njit(nogil=True, cache=True)
def _add_square(vector: Floats, factor: float, matrix: Floats) -> None:
    for i in range(len(vector)):
        scaled = factor * vector[i]
        for j in range(len(vector)):
            matrix[i, j] += scaled * vector[j]


@numba.njit(nogil=True, cache=True)
def _add_products(left: Floats, right: Floats, matrix: Floats) -> None:
    """Add left right^T + right left^T."""
    for i in range(len(left)):
        for j in range(len(left)):
            matrix[i, j] += left[i] * right[j] + right[i] * left[j]
