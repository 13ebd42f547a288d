"""Learns the movies' factors of the Gaussian process.

The algorithm is expectation maximisation for probabilistic PCA with missing values (Tipping &
Bishop 1999, "Probabilistic principal component analysis"; Ilin & Raiko 2010). The prior mean of the
factors is linear in the movies' content.

Shapes: R ratings, U users, M movies, K factors, C content columns, P = K (K + 1) / 2 numbers of a
symmetric matrix.
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse

from recsys.features.params import GaussianProcessParams
from recsys.features.posterior import Floats, GaussianProcess, Ints

# A lower bound, for a target that hardly varies.
MIN_NOISE = 1e-3


def learn_factors(
    user: Ints,
    movie: Ints,
    target: Floats,
    content: Floats,
    params: GaussianProcessParams,
    first: GaussianProcess | None = None,
) -> GaussianProcess:
    """Learn the means, the factors and the noise from some ratings.

    Args:
        user, movie, target: [R]
        content: columns that describe the movies, one of them constant, [M, C]
        first: the process to start from; None for random factors.
    """
    users, movies = int(user.max()) + 1, len(content)
    number = np.bincount(movie, minlength=movies)
    average, spread = target.mean(), target.var()
    sums = np.bincount(movie, target - average, movies)
    mean = average + sums / (number + params.mean_damping)
    residual = target - mean[movie]
    shape = (users, movies)
    ratings = scipy.sparse.csr_matrix((residual, (user, movie)), shape)
    # Sums over these take most of the time, which is that of reading numbers: four bytes are enough.
    rated = scipy.sparse.csr_matrix((np.ones(len(residual), np.float32), (user, movie)), shape)
    ratings_by_movie, rated_by_movie = ratings.T.tocsr(), rated.T.tocsr()
    share = number / (number + params.factor_damping)
    weighted = content * share[:, None]
    regression = np.linalg.solve(content.T @ weighted + np.eye(content.shape[1]), weighted.T)
    if first is None:
        factors = np.random.default_rng(params.seed).normal(0, 0.1, (movies, params.factors))
        # The first factor starts equal for all movies: it is how generous the user is.
        factors[:, 0] = 0.4 * target.std()
        noise = max(0.6 * spread, MIN_NOISE)
    else:
        factors, noise = first.factors, first.noise
    damping = params.factor_damping * np.eye(params.factors)
    for _ in range(params.iterations if first is None else params.more_iterations):
        tastes, moments = expect(ratings, rated, factors, noise)
        products = ratings_by_movie @ tastes
        squares = unpack(rated_by_movie @ moments)
        prior = content @ (regression @ factors)
        right = products + params.factor_damping * prior
        factors = np.linalg.solve(squares + damping, right[:, :, None])[:, :, 0]
        explained = 2 * (factors * products).sum()
        explained -= np.einsum("mkl,mk,ml->", squares, factors, factors)
        noise = max(float(((residual**2).sum() - explained) / len(residual)), MIN_NOISE)
    moods = tuple((share * spread, duration) for share, duration in params.moods)
    return GaussianProcess(mean, factors, noise, params.lasting, params.fading_days, moods)


def expect(
    ratings: scipy.sparse.csr_matrix, rated: scipy.sparse.csr_matrix, factors: Floats, noise: float
) -> tuple[Floats, Floats]:
    """The posterior of the users' tastes: means, [U, K], and packed second moments, [U, P]."""
    squares = unpack(rated @ pack(factors[:, :, None] * factors[:, None, :]))
    covariance = np.linalg.inv(squares / noise + np.eye(factors.shape[1]))
    mean = np.einsum("ukl,ul->uk", covariance, ratings @ factors) / noise
    return mean, pack(covariance + mean[:, :, None] * mean[:, None, :])


def pack(matrices: Floats) -> npt.NDArray[np.float32]:
    """The lower triangles of symmetric matrices, [.., K, K], in single precision, [.., P]."""
    rows, columns = np.tril_indices(matrices.shape[-1])
    return matrices.astype(np.float32)[..., rows, columns]


def unpack(triangles: npt.NDArray[np.float32]) -> Floats:
    """The symmetric matrices, [.., K, K], whose triangles `pack` gave, [.., P]."""
    size = int((2 * triangles.shape[-1]) ** 0.5)
    rows, columns = np.tril_indices(size)
    matrices = np.empty((*triangles.shape[:-1], size, size))
    matrices[..., rows, columns] = matrices[..., columns, rows] = triangles
    return matrices
