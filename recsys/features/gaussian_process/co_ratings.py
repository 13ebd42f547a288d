"""Who rated what: vectors of movies and of users that tell which ratings there are, but no star.

They are the singular vectors of the normalised matrix of ratings

    N = D_u^(-1/2) R D_m^(-1/2) = U S V^T

R is 1 where a user rated a movie. D_u and D_m hold the numbers of ratings of the users and movies.
A user's row of U is a sum over the rated movies, U = D_u^(-1/2) R (D_m^(-1/2) V S^(-1)). So a user
who was not there has a vector, too. The sum over rated movies divided by the square root of their
number is that of SVD++ (Koren 2008, "Factorization meets the neighborhood").

Shapes: N ratings, U users, M movies, R singular values.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from sklearn.utils.extmath import randomized_svd

from recsys.common.arrays import Ints, Singles

RANK = 64
POWER_ITERATIONS = 4
# A singular value below this fraction of the largest is a rounding error.
MIN_SINGULAR_VALUE = 1e-5


class CoRatings(NamedTuple):
    """Vectors of movies and users.

    Attributes:
        movies: V, each column with mean square 1, [M, R]
        users: U, each column with mean square 1, [U, R]; 0 for a user without ratings
        weights: what a rated movie adds to the user's vector, times the square root of the number
            of the user's ratings, [M, R]
    """

    movies: Singles
    users: Singles
    weights: Singles


def find_co_ratings(user: Ints, movie: Ints, users: int, movies: int) -> CoRatings:
    """The vectors of all users and movies by some ratings, the same bytes for the same ratings.

    The singular vectors are found by a randomised subspace iteration (Halko, Martinsson & Tropp
    2011), in memory linear in users, movies and ratings.

    Args:
        user, movie: which ratings there are, [N]
        users, movies: the numbers of all users and movies.
    """
    of_user, of_movie = (
        np.maximum(np.bincount(rows, minlength=count), 1).astype(np.float32)
        for rows, count in ((user, users), (movie, movies))
    )
    values = 1 / np.sqrt(of_user[user] * of_movie[movie])
    matrix = scipy.sparse.csr_matrix((values, (user, movie)), (users, movies))
    rank = min(RANK, users, movies)
    _, singular, right = randomized_svd(
        matrix, rank, n_iter=POWER_ITERATIONS, power_iteration_normalizer="QR", random_state=0
    )
    kept = singular > MIN_SINGULAR_VALUE * singular[0]
    vectors = right[kept].T
    # U is V times a matrix, so that it is exactly the sum that a new user has.
    scaled = vectors / singular[kept] * users**0.5
    return CoRatings(
        movies=vectors * movies**0.5,
        users=matrix @ scaled,
        weights=scaled / np.sqrt(of_movie)[:, None],
    )
