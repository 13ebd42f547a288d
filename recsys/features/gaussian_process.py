"""What a user will think of a movie, from what they said of others: a Gaussian process.

A user's opinions are one draw of a process over movies and time. Two of them covary as the movies
do, less so when time lies between, and as the user's mood does, which passes:

    cov(i, j) = v_i . v_j (lasting + (1 - lasting) exp(-|t_i - t_j| / fading))
                + sum over moods of variance exp(-|t_i - t_j| / duration)

The factors v of the movies are learnt from the training part by expectation maximisation of
probabilistic PCA with missing values (Tipping & Bishop 1999; Ilin & Raiko 2010), with a prior mean
that is linear in the movie's genres and release year. Given them, a user's posterior is exact
(Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", chapter 2): one Cholesky
factorisation gives the prediction of every rating from those before it, or from all others.

Shapes: N ratings, U users, M movies, K factors, n ratings of one user.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from recsys.common.errors import InputError
from recsys.features.visibility import Facts, Ints, Mask

Floats = npt.NDArray[np.float64]

FACTORS = 16
ITERATIONS = 20
# Pseudo-ratings behind a movie's mean, and behind its factors' prior.
MEAN_PRIOR = 5
FACTOR_PRIOR = 100
# Days, and shares of a rating's variance: chosen on the validation parts of MovieLens 1M.
LASTING = 0.6
FADING = 30.0
MOODS = ((0.04, 0.02), (0.04, 10.0))
# The training part's own predictions come from factors that have not seen the row (or, where rows
# know the past, the user): else they would look better than those of the other parts.
FOLDS = 5
# Ratings of a user beyond which their covariances, of all pairs, take gigabytes.
LONGEST = 8_000
# A target that hardly varies still has some noise.
LEAST_NOISE = 1e-3
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Movies:
    """What is learnt of the movies.

    Attributes:
        mean: the shrunk mean of the target, [M]
        factors: v, [M, K]
        noise: variance of a rating about the opinion.
        moods: (variance, days) of each.
    """

    mean: Floats
    factors: Floats
    noise: float
    moods: tuple[tuple[float, float], ...]


def predict_taste(
    facts: Facts, target: Floats, content: Floats, seed: int
) -> tuple[Floats, Floats]:
    """The target of each row as expected from the rows that it may know.

    Args:
        target: stars or labels, [N]
        content: what is known of the movies besides, a constant column among it, [M, C]
        seed: of the folds and the factors' first values.

    Returns:
        mean and standard deviation of each, [N]

    Raises:
        InputError: a user has more than `LONGEST` ratings.
    """
    longest = int(np.bincount(facts.user).max())
    if longest > LONGEST:
        raise InputError(
            f"features.dense: taste and liking take users of up to {LONGEST:,} ratings, and one "
            f"has {longest:,}: leave both out"
        )
    random = np.random.default_rng(seed)
    folds = random.integers(0, FOLDS, facts.user.max() + 1 if facts.causal else len(target))
    fold = folds[facts.user] if facts.causal else folds
    mean, deviation = np.empty(len(target)), np.empty(len(target))
    for number in range(FOLDS + 1):
        wanted = facts.training & (fold == number) if number < FOLDS else ~facts.training
        learnt = facts.training & ~wanted
        # Of next to no users, one fold can have all.
        movies = learn_movies(
            facts, target, learnt if learnt.any() else facts.training, content, seed
        )
        residual = target - movies.mean[facts.movie]
        for rows in users_of(facts, wanted):
            take = wanted[rows]
            days = facts.seconds[rows] / SECONDS_A_DAY
            covariance = covariances(movies, facts.movie[rows], days)
            if facts.causal:
                known = np.searchsorted(days, days)
                expected, variance = from_before(covariance, residual[rows], known, movies.noise)
            else:
                observed = facts.training[rows]
                expected, variance = from_others(covariance, residual[rows], observed, movies.noise)
            mean[rows[take]] = movies.mean[facts.movie[rows[take]]] + expected[take]
            deviation[rows[take]] = np.sqrt(variance[take])
    return mean, deviation


def users_of(facts: Facts, wanted: Mask) -> Iterator[Ints]:
    """Rows of each user who has a wanted one, in the order of time; up to the last, if causal."""
    counts = np.bincount(facts.user)
    for rows in np.split(facts.by_user.order, np.cumsum(counts)[:-1]):
        places = np.flatnonzero(wanted[rows])
        if len(places):
            yield rows[: places[-1] + 1] if facts.causal else rows


def covariances(movies: Movies, movie: Ints, days: Floats) -> Floats:
    """Of a user's opinions, [n, n]."""
    factors = movies.factors[movie]
    apart = np.abs(days[:, None] - days)
    matrix: Floats = factors @ factors.T
    matrix *= LASTING + (1 - LASTING) * np.exp(-apart / FADING)
    for variance, duration in movies.moods:
        matrix += variance * np.exp(-apart / duration)
    return matrix


def from_before(
    covariance: Floats, values: Floats, known: Ints, noise: float
) -> tuple[Floats, Floats]:
    """Mean and variance of each value given the first `known` ones of it, [n].

    Row i of the Cholesky factor holds the weights of the innovations before i.
    """
    count = len(values)
    total = covariance + noise * np.eye(count)
    factor = np.linalg.cholesky(total)
    innovations = scipy.linalg.solve_triangular(factor, values, lower=True, check_finite=False)
    weights = factor * (np.arange(count) < known[:, None])
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


def learn_movies(facts: Facts, target: Floats, rows: Mask, content: Floats, seed: int) -> Movies:
    """Means, factors and noise from some rows."""
    user, movie, values = facts.user[rows], facts.movie[rows], target[rows]
    users, movies = int(facts.user.max()) + 1, len(content)
    counts = np.bincount(movie, minlength=movies)
    average = values.mean()
    sums = np.bincount(movie, weights=values - average, minlength=movies)
    mean = average + sums / (counts + MEAN_PRIOR)
    residual = values - mean[movie]
    shape = (users, movies)
    ratings = scipy.sparse.csr_matrix((residual, (user, movie)), shape)
    rated = scipy.sparse.csr_matrix((np.ones(len(residual)), (user, movie)), shape)
    share = counts / (counts + FACTOR_PRIOR)
    weighted = content * share[:, None]
    regression = np.linalg.solve(content.T @ weighted + np.eye(content.shape[1]), weighted.T)

    factors = np.random.default_rng(seed).normal(0, 0.1, (movies, FACTORS))
    # One factor on which all movies agree: how content the user is.
    factors[:, 0] = 0.4 * values.std()
    noise = max(0.6 * values.var(), LEAST_NOISE)
    for _ in range(ITERATIONS):
        taste, second = _expect(ratings, rated, factors, noise)
        moments = (rated.T @ second).reshape(movies, FACTORS, FACTORS)
        products = ratings.T @ taste
        prior = content @ (regression @ factors)
        factors = np.linalg.solve(
            moments + FACTOR_PRIOR * np.eye(FACTORS),
            (products + FACTOR_PRIOR * prior)[:, :, None],
        )[:, :, 0]
        explained = 2 * (factors * products).sum()
        explained -= np.einsum("mkl,mk,ml->", moments, factors, factors)
        noise = max(float(((residual**2).sum() - explained) / len(residual)), LEAST_NOISE)
    moods = tuple((share * values.var(), duration) for share, duration in MOODS)
    return Movies(mean, factors, noise, moods)


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
