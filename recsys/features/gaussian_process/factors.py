"""Learn the factors of the movies by expectation maximisation.

The model is probabilistic PCA with missing values (Tipping & Bishop 1999, "Probabilistic principal
component analysis"; Ilin & Raiko 2010): a rating is the movie's mean, plus the product of the
movie's factors and the user's factors, plus noise. The user's factors have a standard normal prior.
The prior mean of a movie's factors is linear in its content: genres and release year. Each
iteration steps further than plain expectation maximisation, which would take nearly twice as many
(over-relaxation; Salakhutdinov & Roweis 2003, "Adaptive overrelaxed bound optimization methods").

Shapes: N ratings, U users, M movies, K factors, C content columns, P = K (K + 1) / 2 numbers in a
symmetric matrix.
"""

import numba
import numpy as np
import scipy.sparse

from recsys.common.arrays import Floats, Ints, Mask, Singles
from recsys.features.gaussian_process.blocks import run_in_blocks
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import RatingLog

# A lower bound, for a target that hardly varies.
MIN_NOISE = 1e-3
# The length of a step, where plain expectation maximisation has 1; it converges below 2.
RELAXATION = 1.8


def learn_factors(
    log: RatingLog, values: Floats, rows: Mask, content: Floats, params: GaussianProcessParams
) -> GaussianProcess:
    """Learn the means, the factors and the noise from some rows.

    Args:
        values: stars or labels, [N]
        rows: the rows to learn from, [N]
        content: columns that describe the movies, one of them constant, [M, C]
    """
    user, movie, values = log.user[rows], log.movie[rows], values[rows]
    users, movies = int(log.user.max()) + 1, len(content)
    counts = np.bincount(movie, minlength=movies)
    average, spread = values.mean(), values.var()
    sums = np.bincount(movie, weights=values - average, minlength=movies)
    mean = average + sums / (counts + params.mean_damping)
    residual = values - mean[movie]
    square = float((residual**2).sum())
    by_user = scipy.sparse.csr_matrix((residual, (user, movie)), (users, movies))
    weighted = content * (counts / (counts + params.factor_damping))[:, None]
    regression = np.linalg.solve(content.T @ weighted + np.eye(content.shape[1]), weighted.T)
    factors = np.random.default_rng(params.seed).normal(0, 0.1, (movies, params.factors))
    # The first factor starts equal for all movies: a user with much of it gives high ratings.
    factors[:, 0] = 0.4 * values.std()
    noise = max(0.6 * spread, MIN_NOISE)
    factors, noise = _iterate(by_user, square, content, regression, factors, noise, params)
    moods = tuple((fraction * spread, days) for fraction, days in params.moods)
    return GaussianProcess(mean, factors, noise, params.lasting, params.fading_days, moods)


def _iterate(
    by_user: scipy.sparse.csr_matrix,
    square: float,
    content: Floats,
    regression: Floats,
    factors: Floats,
    noise: float,
    params: GaussianProcessParams,
) -> tuple[Floats, float]:
    """Improve the factors and the noise by expectation maximisation.

    Args:
        by_user: the ratings less the movies' means, [U, M]
        square: the sum of their squares.
        content: [M, C]
        regression: the coefficients of the content, of any factors, [C, M]
        factors, noise: where the iterations start; factors [M, K]
    """
    by_movie = by_user.tocsc()
    (users, movies), count = by_user.shape, params.factors
    # Four bytes a number: reading these tables is most of the work.
    pairs = count * (count + 1) // 2
    squares, moments = np.empty((movies, pairs), np.float32), np.empty((users, pairs), np.float32)
    user_factors, explained = np.empty((users, count)), np.empty(movies)

    def infer(first: int, last: int) -> None:
        ratings = by_user.indptr[first : last + 1], by_user.indices, by_user.data
        block = slice(first, last)
        _infer_user_factors(*ratings, factors, squares, noise, user_factors[block], moments[block])

    def fit(first: int, last: int) -> None:
        ratings = by_movie.indptr[first : last + 1], by_movie.indices, by_movie.data
        block = slice(first, last)
        of_movies = prior[block], params.factor_damping, factors[block], explained[block]
        _fit_factors(*ratings, user_factors, moments, *of_movies)

    previous = factors
    for _ in range(params.iterations):
        factors = previous + RELAXATION * (factors - previous)
        previous = factors.copy()
        _square(factors, squares)
        run_in_blocks(infer, by_user.indptr, params.threads)
        prior = content @ (regression @ factors)
        run_in_blocks(fit, by_movie.indptr, params.threads)
        noise = max((square - float(explained.sum())) / by_user.nnz, MIN_NOISE)
    return factors, noise


@numba.njit(nogil=True, cache=True)
def _infer_user_factors(
    starts: Ints,
    movies: Ints,
    residuals: Floats,
    factors: Floats,
    squares: Singles,
    noise: float,
    user_factors: Floats,
    moments: Singles,
) -> None:
    """The E step: the posterior of the factors of some users, U here.

    Args:
        starts: each user's first rating, and the end of the last one's, [U + 1]
        movies, residuals: the ratings by user, less the movie's mean, [N]
        factors, squares: the factors v of the movies and their squares v v^T, [M, K] and [M, P]
        user_factors, moments: get the means and second moments, [U, K] and [U, P]
    """
    count = factors.shape[1]
    covariance, total, product = (
        np.empty((count, count)),
        np.empty(squares.shape[1]),
        np.empty(count),
    )
    for user in range(len(starts) - 1):
        ratings = slice(starts[user], starts[user + 1])
        _sum(movies[ratings], residuals[ratings], factors, squares, product, total)
        _unpack(total, noise, covariance)
        _invert(covariance)
        mean = user_factors[user]
        _multiply(covariance, product, mean)
        place = 0
        for i in range(count):
            for j in range(i + 1):
                moments[user, place] = noise * covariance[i, j] + mean[i] * mean[j]
                place += 1


@numba.njit(nogil=True, cache=True)
def _fit_factors(
    starts: Ints,
    users: Ints,
    residuals: Floats,
    user_factors: Floats,
    moments: Singles,
    prior: Floats,
    damping: float,
    factors: Floats,
    explained: Floats,
) -> None:
    """The M step: the factors of some movies, M here.

    Args:
        starts: each movie's first rating, and the end of the last one's, [M + 1]
        users, residuals: the ratings by movie, less the movie's mean, [N]
        user_factors, moments: the means and second moments of the users, [U, K] and [U, P]
        prior: the prior means of the factors, [M, K]
        damping: the number of ratings that the prior counts as.
        factors: gets the factors, [M, K]
        explained: gets how much of each movie's sum of squares they explain, [M]
    """
    count = factors.shape[1]
    matrix, total = np.empty((count, count)), np.empty(moments.shape[1])
    product, target = np.empty(count), np.empty(count)
    for movie in range(len(starts) - 1):
        ratings = slice(starts[movie], starts[movie + 1])
        _sum(users[ratings], residuals[ratings], user_factors, moments, product, total)
        _unpack(total, damping, matrix)
        _invert(matrix)
        for i in range(count):
            target[i] = product[i] + damping * prior[movie, i]
        vector = factors[movie]
        _multiply(matrix, target, vector)
        # 2 v . product - v . moments v, where moments v = target - damping v.
        explained[movie] = 0
        for i in range(count):
            explained[movie] += vector[i] * (2 * product[i] - target[i] + damping * vector[i])


@numba.njit(nogil=True, cache=True)
def _sum(
    rows: Ints,
    residuals: Floats,
    vectors: Floats,
    matrices: Singles,
    product: Floats,
    total: Floats,
) -> None:
    """Sum residual times vector, [K], and the packed matrix, [P], over the rows of some ratings."""
    product[:] = 0
    total[:] = 0
    for place in range(len(rows)):
        vector, matrix = vectors[rows[place]], matrices[rows[place]]
        for i in range(len(product)):
            product[i] += residuals[place] * vector[i]
        for i in range(len(total)):
            total[i] += matrix[i]


@numba.njit(nogil=True, cache=True)
def _square(vectors: Floats, matrices: Singles) -> None:
    """The packed matrix v v^T of each vector, [N, K] to [N, P]."""
    for row in range(len(vectors)):
        place = 0
        for i in range(vectors.shape[1]):
            for j in range(i + 1):
                matrices[row, place] = vectors[row, i] * vectors[row, j]
                place += 1


@numba.njit(nogil=True, cache=True)
def _unpack(packed: Floats, diagonal: float, matrix: Floats) -> None:
    """Turn the lower triangle of a symmetric matrix into the matrix, plus `diagonal` times I."""
    place = 0
    for i in range(len(matrix)):
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = packed[place]
            place += 1
        matrix[i, i] += diagonal


@numba.njit(nogil=True, cache=True)
def _invert(matrix: Floats) -> None:
    """Invert a positive definite matrix in place, by Gauss-Jordan elimination."""
    for pivot in range(len(matrix)):
        inverse = 1 / matrix[pivot, pivot]
        matrix[pivot, pivot] = 1
        for j in range(len(matrix)):
            matrix[pivot, j] *= inverse
        for i in range(len(matrix)):
            if i != pivot:
                factor = matrix[i, pivot]
                matrix[i, pivot] = 0
                for j in range(len(matrix)):
                    matrix[i, j] -= factor * matrix[pivot, j]


@numba.njit(nogil=True, cache=True)
def _multiply(matrix: Floats, vector: Floats, product: Floats) -> None:
    """The product of a symmetric matrix and a vector."""
    product[:] = 0
    for i in range(len(vector)):
        for j in range(len(vector)):
            product[j] += matrix[i, j] * vector[i]
