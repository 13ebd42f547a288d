"""EASE: which movies people interact with, from their other movies.

The model is EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data",
https://arxiv.org/abs/1905.03375): a movie's score for a user is the sum, over the user's movies, of
a weight for each pair of movies. The weights are the ridge regression of each movie on all others,
in closed form. The regression weighs each rating (`fit`).

Shapes: N ratings, m movies.
"""

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from recsys.common.arrays import Ints, Singles

Weights = npt.NDArray[np.float16]


def fit_weights(user: Ints, movie: Ints, value: Singles, damping: float) -> Weights:
    """The weight of each movie, by row, in the score of each other movie, by column, [m, m].

    The weights are rounded to half precision: weights of 6e-5 and more to three digits, smaller
    weights to a multiple of 6e-8. Other processors may give an inverse with other last digits, and
    the rounding mostly hides them.

    Args:
        user, movie: of each rating; the movies are numbered from 0, and each has a rating, [N]
        value: what a rating counts, in the place of EASE's 1, [N]
        damping: the number of users that pull each weight to 0.
    """
    rated = scipy.sparse.csr_matrix((value, (user, movie)))
    together = (rated.T @ rated).toarray().astype(np.float64)
    together[np.diag_indices(len(together))] += damping
    # In place, and with half of the work of another inverse.
    factor = scipy.linalg.cholesky(together, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    inverse /= -np.diag(inverse)
    np.fill_diagonal(inverse, 0)
    return inverse.astype(np.float16)
