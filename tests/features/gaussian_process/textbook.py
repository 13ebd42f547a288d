"""The Gaussian process by the textbook formulas: a matrix of all pairs, and arrays in NumPy.

The predictions are of Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning",
chapter 2; the factors of Tipping & Bishop 1999, "Probabilistic principal component analysis".
"""

import numpy as np

from recsys.features.gaussian_process.co_ratings import CoRatings
from recsys.features.gaussian_process.factors import MOVIE_RIDGE, USER_DAMPING, USER_RIDGE
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


def prior_means(process: GaussianProcess, movie: np.ndarray, rated: np.ndarray) -> np.ndarray:
    """The prior means of one user's ratings of some movies, [n], who rated these movies, [r]."""
    taste = process.prior_mean + process.prior_shifts[rated].sum(0) / np.sqrt(max(len(rated), 1))
    return process.mean[movie] + process.factors[movie] @ taste


def predict_rows(
    process: GaussianProcess,
    user: np.ndarray,
    movie: np.ndarray,
    seconds: np.ndarray,
    values: np.ndarray,
    is_context: np.ndarray,
    past_only: bool,
    in_prior: np.ndarray | None = None,
    targets: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The mean and deviation of each row that `kalman.predict_rows` promises, [N].

    Args:
        targets: the rows to predict, [N]; the others are NaN.
    """
    targets = np.ones(len(user), bool) if targets is None else targets
    in_prior = is_context if in_prior is None else in_prior
    mean, variance = np.full(len(user), np.nan), np.full(len(user), np.nan)
    for one in np.unique(user):
        rows = np.flatnonzero(user == one)
        total = covariances(process, movie[rows], seconds[rows]) + process.noise * np.eye(len(rows))
        for place in np.flatnonzero(targets[rows]):
            row = rows[place]
            visible = is_context[rows] & (np.arange(len(rows)) != place)
            if past_only:
                visible &= seconds[rows] < seconds[row]
            rated = movie[rows[visible if past_only else in_prior[rows]]]
            prior = prior_means(process, movie[rows], rated)
            across = total[place, visible]
            weights = np.linalg.solve(total[np.ix_(visible, visible)], across)
            mean[row] = prior[place] + weights @ (values[rows] - prior)[visible]
            variance[row] = total[place, place] - weights @ across
    return mean, np.sqrt(variance)


def regress(
    columns: np.ndarray, counts: np.ndarray, damping: float, ridge: float, factors: np.ndarray
) -> np.ndarray:
    """The coefficients, [C, K], of a weighted ridge regression of factors on columns."""
    root = np.sqrt(counts / (counts + damping))[:, None]
    # The pseudo-rows of the ridge.
    rows = np.vstack([root * columns, np.sqrt(ridge) * np.eye(columns.shape[1])])
    values = np.vstack([root * factors, np.zeros((columns.shape[1], factors.shape[1]))])
    return np.linalg.lstsq(rows, values, rcond=None)[0]


def learn_factors(
    user: np.ndarray,
    movie: np.ndarray,
    values: np.ndarray,
    content: np.ndarray,
    co_ratings: CoRatings,
    params: GaussianProcessParams,
) -> tuple[np.ndarray, float, np.ndarray]:
    """What `factors.learn_factors` learns from some ratings.

    Returns:
        the factors, [M, K]; the noise; the coefficients of the users' prior means, [1 + R, K]
    """
    content = np.column_stack([content, co_ratings.movies])
    of_users = np.column_stack([np.ones(len(co_ratings.users)), co_ratings.users])
    users, movies, count = len(of_users), len(content), params.factors
    counts, user_counts = np.bincount(movie, minlength=movies), np.bincount(user, minlength=users)
    average = values.mean()
    sums = np.bincount(movie, values - average, movies)
    residual = values - (average + sums / (counts + params.mean_damping))[movie]
    damping, one = params.factor_damping, np.eye(count)
    factors = np.random.default_rng(params.seed).normal(0, 0.1, (movies, count))
    factors[:, 0] = 0.4 * values.std()
    noise = 0.6 * values.var()
    user_prior = np.zeros((users, count))
    previous = factors
    for _ in range(params.iterations):
        factors = previous + 1.8 * (factors - previous)
        previous = factors.copy()
        tastes, moments = np.zeros((users, count)), np.zeros((users, count, count))
        for one_user in range(users):
            rows = user == one_user
            seen, prior = factors[movie[rows]], user_prior[one_user]
            covariance = np.linalg.inv(seen.T @ seen / noise + one)
            taste = prior + covariance @ seen.T @ (residual[rows] - seen @ prior) / noise
            tastes[one_user], moments[one_user] = taste, covariance + np.outer(taste, taste)
        coefficients = regress(of_users, user_counts, USER_DAMPING, USER_RIDGE, tastes)
        user_prior = of_users @ coefficients
        movie_prior = content @ regress(content, counts, damping, MOVIE_RIDGE, factors)
        squared_error = (residual**2).sum()
        for one_movie in range(movies):
            rows = movie == one_movie
            matrix = moments[user[rows]].sum(0)
            product = residual[rows] @ tastes[user[rows]]
            vector = np.linalg.solve(
                matrix + damping * one, product + damping * movie_prior[one_movie]
            )
            factors[one_movie] = vector
            squared_error -= 2 * vector @ product - vector @ matrix @ vector
        noise = squared_error / len(values)
    return factors, noise, coefficients
