"""A Gaussian process that predicts a user's opinion of a movie from the user's other ratings.

A user's opinions are one draw from a process over movies and time. The covariance of two opinions
has two terms. The first is the similarity of the movies, which fades in part with the time between
the two ratings. The second is the user's moods, which pass with time:

    cov(i, j) = v_i . v_j (lasting + (1 - lasting) exp(-|t_i - t_j| / fading_days))
                + sum over moods of variance exp(-|t_i - t_j| / days)

The factors v of the movies are learnt from the training part. The algorithm is expectation
maximisation for probabilistic PCA with missing values (Tipping & Bishop 1999; Ilin & Raiko 2010).
The prior mean of the factors is linear in the movie's genres and release year.

Given the factors, a user's posterior is exact (Rasmussen & Williams 2006, "Gaussian Processes for
Machine Learning", chapter 2). One Cholesky factorisation predicts all ratings of a user, each from
the earlier ones or from all others.

Shapes: N ratings, U users, M movies, K factors, n ratings of one user, C content columns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from recsys.common.errors import InputError
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import Ints, Mask, RatingLog

Floats = npt.NDArray[np.float64]

# The covariance matrix of a user has a row and a column for each rating. With more ratings than
# this, one matrix would take gigabytes.
MAX_USER_RATINGS = 8_000
# A lower bound, for a target that hardly varies.
MIN_NOISE = 1e-3
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class MovieFactors:
    """The parameters of the process that are learnt from ratings.

    Attributes:
        mean: each movie's damped mean of the target, [M]
        factors: the factors v, [M, K]
        noise: the variance of a rating around the opinion.
        moods: (variance, days) of each mood.
    """

    mean: Floats
    factors: Floats
    noise: float
    moods: tuple[tuple[float, float], ...]


def predict_opinions(
    log: RatingLog, target: Floats, content: Floats, params: GaussianProcessParams
) -> tuple[Floats, Floats]:
    """Predict the target of each row from the rows that are visible to it.

    The factors that predict a training row are learnt from the other folds. Factors that were
    learnt from the row itself would make the predictions of the training part too good, compared
    with those of the other parts.

    Args:
        target: stars or labels, [N]
        content: columns that describe the movies, one of them constant, [M, C]

    Returns:
        the mean and the standard deviation of each prediction, [N]

    Raises:
        InputError: a user has more than `MAX_USER_RATINGS` ratings.
    """
    most = int(np.bincount(log.user).max())
    if most > MAX_USER_RATINGS:
        raise InputError(
            f"features.dense: taste and liking allow at most {MAX_USER_RATINGS:,} ratings per "
            f"user, and one user has {most:,}: remove both"
        )
    fold = draw_folds(log, params)
    mean, deviation = np.empty(len(target)), np.empty(len(target))
    for number in range(params.folds + 1):
        wanted = log.training & (fold == number) if number < params.folds else ~log.training
        learnt = log.training & ~wanted
        # With very few users, one fold can contain all of them and leave no rows to learn from.
        movies = learn_factors(
            log, target, learnt if learnt.any() else log.training, content, params
        )
        residual = target - movies.mean[log.movie]
        for rows, visible in log.by_user.iterate_groups(wanted):
            days = log.seconds[rows] / SECONDS_PER_DAY
            covariance = covariances(movies, log.movie[rows], days, params)
            predict = predict_from_earlier if log.past_only else predict_leave_one_out
            expected, variance = predict(covariance, residual[rows], visible, movies.noise)
            take = wanted[rows]
            mean[rows[take]] = movies.mean[log.movie[rows[take]]] + expected[take]
            deviation[rows[take]] = np.sqrt(variance[take])
    return mean, deviation


def draw_folds(log: RatingLog, params: GaussianProcessParams) -> Ints:
    """Draw a fold for each row, [N]. If only the past is visible, a user's rows share a fold."""
    random = np.random.default_rng(params.seed)
    count = int(log.user.max()) + 1 if log.past_only else len(log.user)
    folds: Ints = random.integers(0, params.folds, count)
    return folds[log.user] if log.past_only else folds


def covariances(
    movies: MovieFactors, movie: Ints, days: Floats, params: GaussianProcessParams
) -> Floats:
    """The covariances of one user's opinions, [n, n].

    Args:
        movie: the movies, as rows of the movies table, [n]
        days: the time of each rating in days, [n]
    """
    factors = movies.factors[movie]
    apart = np.abs(days[:, None] - days)
    matrix: Floats = factors @ factors.T
    matrix *= params.lasting + (1 - params.lasting) * np.exp(-apart / params.fading_days)
    for variance, duration in movies.moods:
        matrix += variance * np.exp(-apart / duration)
    return matrix


def predict_from_earlier(
    covariance: Floats, values: Floats, visible: Ints, noise: float
) -> tuple[Floats, Floats]:
    """Predict each value from the earlier values that are visible to it.

    Row i of the Cholesky factor holds the weights of the innovations in value i. The prediction of
    value i from the first k values is the weighted sum of the first k innovations.

    Args:
        visible: how many of the first values are visible to each value, [n]

    Returns:
        the mean and the variance of each prediction, [n]
    """
    count = len(values)
    total = covariance + noise * np.eye(count)
    factor = np.linalg.cholesky(total)
    innovations = scipy.linalg.solve_triangular(factor, values, lower=True, check_finite=False)
    weights = factor * (np.arange(count) < visible[:, None])
    return weights @ innovations, total.diagonal() - (weights**2).sum(1)


def predict_leave_one_out(
    covariance: Floats, values: Floats, observed: Mask, noise: float
) -> tuple[Floats, Floats]:
    """Predict each value from the observed values, without itself.

    Returns:
        the mean and the variance of each prediction, [n]
    """
    mean, variance = np.zeros(len(values)), covariance.diagonal() + noise
    if not observed.any():
        return mean, variance
    seen = covariance[np.ix_(observed, observed)] + noise * np.eye(observed.sum())
    factor = np.linalg.cholesky(seen)
    inverse_factor = scipy.linalg.solve_triangular(
        factor, np.eye(len(factor)), lower=True, check_finite=False
    )
    weights = inverse_factor.T @ (inverse_factor @ values[observed])
    # Leave-one-out: Rasmussen & Williams, equations 5.10 to 5.12.
    precision = (inverse_factor**2).sum(0)
    mean[observed] = values[observed] - weights / precision
    variance[observed] = 1 / precision
    across = covariance[np.ix_(~observed, observed)]
    mean[~observed] = across @ weights
    variance[~observed] -= ((across @ inverse_factor.T) ** 2).sum(1)
    return mean, variance


def learn_factors(
    log: RatingLog, target: Floats, rows: Mask, content: Floats, params: GaussianProcessParams
) -> MovieFactors:
    """Learn the means, the factors and the noise from some rows.

    Args:
        rows: the rows to learn from, [N]
    """
    user, movie, values = log.user[rows], log.movie[rows], target[rows]
    users, movies = int(log.user.max()) + 1, len(content)
    counts = np.bincount(movie, minlength=movies)
    average = values.mean()
    sums = np.bincount(movie, weights=values - average, minlength=movies)
    mean = average + sums / (counts + params.mean_damping)
    residual = values - mean[movie]
    shape = (users, movies)
    ratings = scipy.sparse.csr_matrix((residual, (user, movie)), shape)
    rated = scipy.sparse.csr_matrix((np.ones(len(residual)), (user, movie)), shape)
    share = counts / (counts + params.factor_damping)
    weighted = content * share[:, None]
    regression = np.linalg.solve(content.T @ weighted + np.eye(content.shape[1]), weighted.T)

    factors = np.random.default_rng(params.seed).normal(0, 0.1, (movies, params.factors))
    # The first factor starts equal for all movies: it is how generous the user is.
    factors[:, 0] = 0.4 * values.std()
    noise = max(0.6 * values.var(), MIN_NOISE)
    for _ in range(params.iterations):
        taste, second = _posterior(ratings, rated, factors, noise)
        moments = (rated.T @ second).reshape(movies, params.factors, params.factors)
        products = ratings.T @ taste
        prior = content @ (regression @ factors)
        factors = np.linalg.solve(
            moments + params.factor_damping * np.eye(params.factors),
            (products + params.factor_damping * prior)[:, :, None],
        )[:, :, 0]
        explained = 2 * (factors * products).sum()
        explained -= np.einsum("mkl,mk,ml->", moments, factors, factors)
        noise = max(float(((residual**2).sum() - explained) / len(residual)), MIN_NOISE)
    moods = tuple((share * values.var(), duration) for share, duration in params.moods)
    return MovieFactors(mean, factors, noise, moods)


def _posterior(
    ratings: scipy.sparse.csr_matrix, rated: scipy.sparse.csr_matrix, factors: Floats, noise: float
) -> tuple[Floats, Floats]:
    """The posterior of the users' tastes: means, [U, K], and second moments, [U, K * K]."""
    users, count = ratings.shape[0], factors.shape[1]
    squares = (factors[:, :, None] * factors[:, None, :]).reshape(len(factors), -1)
    precision = (rated @ squares).reshape(users, count, count) / noise + np.eye(count)
    covariance = np.linalg.inv(precision)
    mean = np.einsum("ukl,ul->uk", covariance, ratings @ factors) / noise
    second = covariance + mean[:, :, None] * mean[:, None, :]
    return mean, second.reshape(users, -1)
