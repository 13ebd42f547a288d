"""The Gaussian process by the textbook formulas: a matrix of all pairs, and arrays in NumPy.

The predictions are of Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning",
chapter 2; the factors of Tipping & Bishop 1999, "Probabilistic principal component analysis".
"""

import numpy as np

from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams

DAY = 86_400


def covariances(process: GaussianProcess, movie: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The covariances of one user's ratings without noise, [n, n]."""
    factors = process.factors[movie]
    days = np.abs(seconds[:, None] - seconds) / DAY
    lasting, fading = process.lasting, np.exp(-days / process.fading_days)
    matrix = factors @ factors.T * (lasting + (1 - lasting) * fading)
    for variance, duration in process.moods:
        matrix += variance * np.exp(-days / duration)
    return matrix


def predict_rows(
    process: GaussianProcess,
    user: np.ndarray,
    movie: np.ndarray,
    seconds: np.ndarray,
    values: np.ndarray,
    is_context: np.ndarray,
    past_only: bool,
    targets: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The mean and deviation of each row that `kalman.predict_rows` promises, [N].

    Args:
        targets: the rows to predict, [N]; the others are NaN.
    """
    targets = np.ones(len(user), bool) if targets is None else targets
    mean, variance = np.full(len(user), np.nan), np.full(len(user), np.nan)
    for one in np.unique(user):
        rows = np.flatnonzero(user == one)
        total = covariances(process, movie[rows], seconds[rows]) + process.noise * np.eye(len(rows))
        residual = values[rows] - process.mean[movie[rows]]
        for place in np.flatnonzero(targets[rows]):
            row = rows[place]
            visible = is_context[rows] & (np.arange(len(rows)) != place)
            if past_only:
                visible &= seconds[rows] < seconds[row]
            across = total[place, visible]
            weights = np.linalg.solve(total[np.ix_(visible, visible)], across)
            mean[row] = process.mean[movie[row]] + weights @ residual[visible]
            variance[row] = total[place, place] - weights @ across
    return mean, np.sqrt(variance)


def learn_factors(
    user: np.ndarray,
    movie: np.ndarray,
    values: np.ndarray,
    content: np.ndarray,
    params: GaussianProcessParams,
) -> tuple[np.ndarray, float]:
    """The factors, [M, K], and the noise that `factors.learn_factors` learns from some ratings."""
    movies, count = len(content), params.factors
    counts = np.bincount(movie, minlength=movies)
    average = values.mean()
    sums = np.bincount(movie, values - average, movies)
    residual = values - (average + sums / (counts + params.mean_damping))[movie]
    damping, one = params.factor_damping, np.eye(count)
    weighted = content * (counts / (counts + damping))[:, None]
    regression = np.linalg.solve(content.T @ weighted + np.eye(content.shape[1]), weighted.T)
    factors = np.random.default_rng(params.seed).normal(0, 0.1, (movies, count))
    factors[:, 0] = 0.4 * values.std()
    noise = 0.6 * values.var()
    previous = factors
    for _ in range(params.iterations):
        factors = previous + 1.8 * (factors - previous)
        previous = factors.copy()
        tastes, moments = {}, {}
        for one_user in np.unique(user):
            rows = user == one_user
            seen = factors[movie[rows]]
            covariance = np.linalg.inv(seen.T @ seen / noise + one)
            taste = covariance @ seen.T @ residual[rows] / noise
            tastes[one_user], moments[one_user] = taste, covariance + np.outer(taste, taste)
        prior = content @ regression @ factors
        squared_error = (residual**2).sum()
        for one_movie in range(movies):
            rows = np.flatnonzero(movie == one_movie)
            matrix = sum((moments[u] for u in user[rows]), np.zeros((count, count)))
            product = sum(
                (r * tastes[u] for r, u in zip(residual[rows], user[rows], strict=True)),
                np.zeros(count),
            )
            vector = np.linalg.solve(matrix + damping * one, product + damping * prior[one_movie])
            factors[one_movie] = vector
            squared_error -= 2 * vector @ product - vector @ matrix @ vector
        noise = squared_error / len(values)
    return factors, noise
