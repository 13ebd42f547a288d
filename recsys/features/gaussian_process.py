"""What a user will think of a movie, from their other ratings: a Gaussian process.

A user's opinions are one draw of a process over movies and time. Two of them covary as the movies
do, less so when time lies between, and as the user's passing mood does:

    cov(i, j) = v_i . v_j (lasting + (1 - lasting) exp(-|t_i - t_j| / fading_days))
                + sum over moods of variance exp(-|t_i - t_j| / days)

The factors v of the movies are learnt from the training part by expectation maximisation of
probabilistic PCA with missing values (Tipping & Bishop 1999; Ilin & Raiko 2010), with a prior mean
that is linear in the movie's genres and release year. Given them, a user's posterior is exact
(Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", chapter 2): one Cholesky
factorisation predicts every rating from those before it, or from all others.

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

# Ratings of a user beyond which their covariances, of all pairs, take gigabytes.
LONGEST = 8_000
# A target that hardly varies still has some noise.
LEAST_NOISE = 1e-3
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class MovieFactors:
    """What is learnt of the movies.

    Attributes:
        mean: the damped mean of the target, [M]
        factors: v, [M, K]
        noise: variance of a rating about the opinion.
        moods: (variance, days) of each.
    """

    mean: Floats
    factors: Floats
    noise: float
    moods: tuple[tuple[float, float], ...]


def predict_opinions(
    log: RatingLog, target: Floats, content: Floats, params: GaussianProcessParams
) -> tuple[Floats, Floats]:
    """The target of each row, predicted from the rows visible to it.

    The training part's own predictions come from factors that were learnt without the row (where
    only the past is visible, without the user): else they would look better than those of the
    other parts.

    Args:
        target: stars or labels, [N]
        content: what else is known of the movies, a constant column among it, [M, C]

    Returns:
        mean and standard deviation of each, [N]

    Raises:
        InputError: a user has more than `LONGEST` ratings.
    """
    longest = int(np.bincount(log.user).max())
    if longest > LONGEST:
        raise InputError(
            f"features.dense: taste and liking take users of up to {LONGEST:,} ratings, and one "
            f"has {longest:,}: leave both out"
        )
    fold = draw_folds(log, params)
    mean, deviation = np.empty(len(target)), np.empty(len(target))
    for number in range(params.folds + 1):
        wanted = log.training & (fold == number) if number < params.folds else ~log.training
        learnt = log.training & ~wanted
        # With very few users, one fold can hold all of them.
        movies = learn_factors(
            log, target, learnt if learnt.any() else log.training, content, params
        )
        residual = target - movies.mean[log.movie]
        for rows, visible in log.by_user.each(wanted):
            days = log.seconds[rows] / SECONDS_A_DAY
            covariance = covariances(movies, log.movie[rows], days, params)
            predict = from_before if log.past_only else from_others
            expected, variance = predict(covariance, residual[rows], visible, movies.noise)
            take = wanted[rows]
            mean[rows[take]] = movies.mean[log.movie[rows[take]]] + expected[take]
            deviation[rows[take]] = np.sqrt(variance[take])
    return mean, deviation


def draw_folds(log: RatingLog, params: GaussianProcessParams) -> Ints:
    """A fold for each row, [N]; a user's rows share one where only the past is visible."""
    random = np.random.default_rng(params.seed)
    count = int(log.user.max()) + 1 if log.past_only else len(log.user)
    folds: Ints = random.integers(0, params.folds, count)
    return folds[log.user] if log.past_only else folds


def covariances(
    movies: MovieFactors, movie: Ints, days: Floats, params: GaussianProcessParams
) -> Floats:
    """Of a user's opinions, [n, n].

    Args:
        movie: rows of the movies, [n]
        days: when each was rated, [n]
    """
    factors = movies.factors[movie]
    apart = np.abs(days[:, None] - days)
    matrix: Floats = factors @ factors.T
    matrix *= params.lasting + (1 - params.lasting) * np.exp(-apart / params.fading_days)
    for variance, duration in movies.moods:
        matrix += variance * np.exp(-apart / duration)
    return matrix


def from_before(
    covariance: Floats, values: Floats, visible: Ints, noise: float
) -> tuple[Floats, Floats]:
    """Mean and variance of each value given as many first ones as are visible to it, [n].

    Row i of the Cholesky factor holds the weights of the innovations before i.
    """
    count = len(values)
    total = covariance + noise * np.eye(count)
    factor = np.linalg.cholesky(total)
    innovations = scipy.linalg.solve_triangular(factor, values, lower=True, check_finite=False)
    weights = factor * (np.arange(count) < visible[:, None])
    return weights @ innovations, total.diagonal() - (weights**2).sum(1)


def from_others(
    covariance: Floats, values: Floats, observed: Mask, noise: float
) -> tuple[Floats, Floats]:
    """Mean and variance of each value given the observed ones without itself, [n]."""
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
    """Means, factors and noise, learnt from some rows.

    Args:
        rows: which ones, [N]
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
    # One factor on which all movies agree: how content the user is.
    factors[:, 0] = 0.4 * values.std()
    noise = max(0.6 * values.var(), LEAST_NOISE)
    for _ in range(params.iterations):
        taste, second = _expect(ratings, rated, factors, noise)
        moments = (rated.T @ second).reshape(movies, params.factors, params.factors)
        products = ratings.T @ taste
        prior = content @ (regression @ factors)
        factors = np.linalg.solve(
            moments + params.factor_damping * np.eye(params.factors),
            (products + params.factor_damping * prior)[:, :, None],
        )[:, :, 0]
        explained = 2 * (factors * products).sum()
        explained -= np.einsum("mkl,mk,ml->", moments, factors, factors)
        noise = max(float(((residual**2).sum() - explained) / len(residual)), LEAST_NOISE)
    moods = tuple((share * values.var(), duration) for share, duration in params.moods)
    return MovieFactors(mean, factors, noise, moods)


def _expect(
    ratings: scipy.sparse.csr_matrix, rated: scipy.sparse.csr_matrix, factors: Floats, noise: float
) -> tuple[Floats, Floats]:
    """Posterior of the users' tastes: means [U, K] and second moments [U, K * K]."""
    users, count = ratings.shape[0], factors.shape[1]
    squares = (factors[:, :, None] * factors[:, None, :]).reshape(len(factors), -1)
    precision = (rated @ squares).reshape(users, count, count) / noise + np.eye(count)
    covariance = np.linalg.inv(precision)
    mean = np.einsum("ukl,ul->uk", covariance, ratings @ factors) / noise
    second = covariance + mean[:, :, None] * mean[:, None, :]
    return mean, second.reshape(users, -1)
