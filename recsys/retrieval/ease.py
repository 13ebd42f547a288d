"""Exposure: which movies people pick up, from what else they picked up.

The model is EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data",
https://arxiv.org/abs/1905.03375): a movie's score for a user is the sum, over the user's movies, of
a weight for each pair of movies. The weights are the ridge regression of each movie on all others,
in closed form. Every rating counts as a movie that was picked up, whatever its stars.

Shapes: M movies, U users.
"""

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from recsys.common.errors import InputError

Ints = npt.NDArray[np.integer]
Weights = npt.NDArray[np.float16]

# The weights of more movies than this take more than 2 GB while they are computed.
MOST_MOVIES = 10_000


def fit_weights(user: Ints, movie: Ints, movies: int, damping: float) -> Weights:
    """The weight of each movie, by row, in the score of each other movie, by column, [M, M].

    Half precision keeps three digits, and the same digits on every processor: the inverse of the
    matrix differs from one to another in its last digits.

    Args:
        user, movie: of each rating
        movies: M
        damping: the number of users that pull each weight to 0.

    Raises:
        InputError: there are more than `MOST_MOVIES` movies.
    """
    if movies > MOST_MOVIES:
        raise InputError(
            f"retrieval: {movies:,} movies are more than the {MOST_MOVIES:,} whose weights fit "
            "into memory; leave out the stages retrieve and rank"
        )
    shape = (int(user.max()) + 1, movies)
    rated = scipy.sparse.csr_matrix((np.ones(len(user)), (user, movie)), shape)
    together = (rated.T @ rated).toarray()
    together[np.diag_indices(movies)] += damping
    # In place, and with half of the work that another matrix would take.
    factor = scipy.linalg.cholesky(together, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    inverse /= -np.diag(inverse)
    np.fill_diagonal(inverse, 0)
    weights: Weights = inverse.astype(np.float16)
    return weights
