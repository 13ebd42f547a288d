"""Learn the factors of the movies by expectation maximisation.

The model is probabilistic PCA with missing values (Tipping & Bishop 1999, "Probabilistic principal
component analysis"; Ilin & Raiko 2010): a rating is the movie's mean, plus the product of the
movie's factors and the user's factors, plus noise. The user's factors have a standard normal prior.
The prior mean of a movie's factors is linear in its content (genres and release year) and in who
rated it; the prior mean of a user's factors is linear in what the user rated (`co_ratings`). Each
iteration steps further than plain expectation maximisation, which would take nearly twice as many
(over-relaxation; Salakhutdinov & Roweis 2003, "Adaptive overrelaxed bound optimization methods").

Shapes: N ratings, U users, M movies, K factors, C content columns, R columns of who rated what,
P = K (K + 1) / 2 numbers in a symmetric matrix.
"""

import numba
import numpy as np
import scipy.sparse

from recsys.common.arrays import Floats, Ints, Singles
from recsys.features.gaussian_process.blocks import run_in_blocks
from recsys.features.gaussian_process.co_ratings import CoRatings
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams

# A lower bound, for a target that hardly varies.
MIN_NOISE = 1e-3
# The length of a step, where plain expectation maximisation has 1; it converges below 2.
RELAXATION = 1.8
# Pseudo-ratings: a user with few ratings has little weight in the regression of users' factors.
USER_DAMPING = 10.0
# The ridges of the two regressions. With few users, a lower one of theirs fits the ratings that the
# users are predicted from.
USER_RIDGE, MOVIE_RIDGE = 1000.0, 10.0


def learn_factors(
    user: Ints,
    movie: Ints,
    values: Floats,
    content: Floats,
    co_ratings: CoRatings,
    params: GaussianProcessParams,
) -> GaussianProcess:
    """Learn the means, the factors, the noise and the prior means of users from some ratings.

    Args:
        user, movie: of each rating, [N]
        values: stars or labels, [N]
        content: columns that describe the movies, one of them constant, [M, C]
        co_ratings: of the same ratings.
    """
    users, movies = len(co_ratings.users), len(content)
    counts = np.bincount(movie, minlength=movies)
    average, spread = values.mean(), values.var()
    sums = np.bincount(movie, weights=values - average, minlength=movies)
    mean = average + sums / (counts + params.mean_damping)
    residuals = scipy.sparse.csr_matrix((values - mean[movie], (user, movie)), (users, movies))
    of_movies = Regression(
        np.column_stack([content, co_ratings.movies]), counts, params.factor_damping, MOVIE_RIDGE
    )
    of_users = Regression(
        np.column_stack([np.ones(users), co_ratings.users]),
        np.bincount(user, minlength=users),
        USER_DAMPING,
        USER_RIDGE,
    )
    start = np.random.default_rng(params.seed).normal(0, 0.1, (movies, params.factors))
    # The first factor starts equal for all movies: a user with much of it gives high ratings.
    start[:, 0] = 0.4 * values.std()
    factors, noise, coefficients = _iterate(
        residuals, of_movies, of_users, start, max(0.6 * spread, MIN_NOISE), params
    )
    return GaussianProcess(
        mean,
        factors,
        noise,
        params.lasting,
        params.fading_days,
        tuple((fraction * spread, days) for fraction, days in params.moods),
        prior_mean=coefficients[0],
        prior_shifts=co_ratings.weights @ coefficients[1:],
    )


class Regression:
    """A ridge regression of any factors on the same columns.

    A row with n ratings has weight n / (n + damping), since few ratings say little of its factors.

    Args:
        columns: [rows, C]
        counts: the number of ratings of each row, [rows]
        damping: of the weights.
        ridge: of the coefficients.
    """

    def __init__(self, columns: Floats, counts: Ints, damping: float, ridge: float) -> None:
        self.columns = columns
        self._weights = (counts / (counts + damping))[:, None]
        weighted = columns * self._weights
        self._matrix = columns.T @ weighted + ridge * np.eye(columns.shape[1])

    def fit(self, factors: Floats) -> Floats:
        """The coefficients of the columns, [C, K], from the factors of each row, [rows, K]."""
        products = self.columns.T @ (self._weights * factors)
        coefficients: Floats = np.linalg.solve(self._matrix, products)
        return coefficients


def _iterate(
    residuals: scipy.sparse.csr_matrix,
    of_movies: Regression,
    of_users: Regression,
    factors: Floats,
    noise: float,
    params: GaussianProcessParams,
) -> tuple[Floats, float, Floats]:
    """Improve the factors and the noise by expectation maximisation.

    Args:
        residuals: the ratings less the movies' means, [U, M]
        of_movies, of_users: what the prior means of the factors are linear in.
        factors, noise: where the iterations start; factors [M, K]

    Returns:
        the factors; the noise; the coefficients of the users' prior means
    """
    by_user, by_movie = residuals, residuals.tocsc()
    square = float((residuals.data**2).sum())
    (users, movies), count = by_user.shape, params.factors
    # Four bytes a number: reading these tables is most of the work.
    pairs = count * (count + 1) // 2
    squares, moments = np.empty((movies, pairs), np.float32), np.empty((users, pairs), np.float32)
    user_factors, explained = np.empty((users, count)), np.empty(movies)
    user_prior = np.zeros((users, count))

    def infer(first: int, last: int) -> None:
        ratings = by_user.indptr[first : last + 1], by_user.indices, by_user.data
        block = slice(first, last)
        of_block = user_prior[block], noise, user_factors[block], moments[block]
        _infer_user_factors(*ratings, factors, squares, *of_block)

    def fit(first: int, last: int) -> None:
        ratings = by_movie.indptr[first : last + 1], by_movie.indices, by_movie.data
        block = slice(first, last)
        of_block = movie_prior[block], params.factor_damping, factors[block], explained[block]
        _fit_factors(*ratings, user_factors, moments, *of_block)

    previous = factors
    for _ in range(params.iterations):
        factors = previous + RELAXATION * (factors - previous)
        previous = factors.copy()
        _square(factors, squares)
        run_in_blocks(infer, by_user.indptr, params.threads)
        coefficients = of_users.fit(user_factors)
        user_prior = of_users.columns @ coefficients
        movie_prior = of_movies.columns @ of_movies.fit(factors)
        run_in_blocks(fit, by_movie.indptr, params.threads)
        noise = max((square - float(explained.sum())) / by_user.nnz, MIN_NOISE)
    return factors, noise, coefficients


@numba.njit(nogil=True, cache=True)
def _infer_user_factors(
    starts: Ints,
    movies: Ints,
    residuals: Floats,
    factors: Floats,
    squares: Singles,
    prior: Floats,
    noise: float,
    user_factors: Floats,
    moments: Singles,
) -> None:
    """The E step: the posterior of the factors of some users, U here.

    Args:
        starts: each user's first rating, and the end of the last one's, [U + 1]
        movies, residuals: the ratings by user, less the movie's mean, [N]
        factors, squares: the factors v of the movies and their squares v v^T, [M, K] and [M, P]
        prior: the prior means of the users' factors, [U, K]
        user_factors, moments: get the means and second moments, [U, K] and [U, P]
    """
    count = factors.shape[1]
    covariance, total = np.empty((count, count)), np.empty(squares.shape[1])
    product, target = np.empty(count), np.empty(count)
    for user in range(len(starts) - 1):
        ratings = slice(starts[user], starts[user + 1])
        _sum(movies[ratings], residuals[ratings], factors, squares, product, total)
        _unpack(total, noise, covariance)
        _invert(covariance)
        for i in range(count):
            target[i] = product[i] + noise * prior[user, i]
        mean = user_factors[user]
        _multiply(covariance, target, mean)
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
