"""Weights for a large catalogue: the ridge regression of each movie on the movies nearest to it.

The exact weights (`ease`) take a matrix of all pairs of movies. Here each movie is regressed on its
K nearest ones alone: those with the highest cosine between the users who rated both. So memory
grows with the number of movies, not with its square. Steck 2019 (https://arxiv.org/abs/1905.03375)
compares the exact weights with such neighborhoods.

A regression takes the overlap of each two of its movies: the sum, over the users who rated both, of
what one rating counts times what the other counts. For the most rated movies, the overlaps are
summed once, for all pairs. For the others they are summed in each regression, from their fewer
users.

Movies are numbered from the most to the least rated here, and a user's or movie's ratings ascend.

Shapes: N ratings, U users, m movies, K neighbors, k <= K neighbors of one movie, h movies with a
row in the table of pairs, E elements of lists.
"""

import numba
import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from recsys.common.arrays import Floats, Ints, Singles
from recsys.common.errors import InputError
from recsys.retrieval.best import offer

# The index arrays of the files have 32 bits.
MAX_WEIGHTS = 2**31 - 1
TINY = np.finfo(np.float64).tiny


def fit_nearest(
    user: Ints, movie: Ints, value: Singles, damping: float, neighbors: int, counted: int
) -> scipy.sparse.csr_matrix:
    """The weight of each movie, by row, in the scores of the movies that it is near to, [m, m].

    The weights are rounded to half precision, as the exact ones.

    Args:
        user, movie: of each rating; the movies are numbered from 0, and each has a rating, [N]
        value: what a rating counts, [N]
        damping: the number of users that pull each weight to 0.
        neighbors: K
        counted: h, which has no effect on the weights. The table takes 4 h^2 bytes.

    Raises:
        InputError: there are too many weights.
    """
    ratings = np.bincount(movie)
    if len(ratings) * neighbors > MAX_WEIGHTS:
        raise InputError(
            f"retrieval.neighbors = {neighbors}: more than {MAX_WEIGHTS:,} weights of "
            f"{len(ratings):,} movies; choose {MAX_WEIGHTS // len(ratings)} or fewer"
        )
    order = np.argsort(-ratings, kind="stable").astype(np.int32)
    rank = np.argsort(order).astype(np.int32)
    rated = scipy.sparse.csr_matrix((value, (user, rank[movie])))
    near, weights = _regress(rated, damping, min(neighbors, len(ratings)), counted)
    some = near >= 0
    values = weights[some].astype(np.float32)
    pairs = order[near[some]], np.repeat(order, some.sum(1))
    return scipy.sparse.csr_matrix((values, pairs), (len(ratings), len(ratings)))


def _regress(
    rated: scipy.sparse.csr_matrix, damping: float, neighbors: int, counted: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float16]]:
    """The nearest movies of each movie, -1 where there are fewer than K, and their weights, [m, K]

    Args:
        rated: what each rating counts, [U, m]
    """
    rated.sort_indices()
    by_user, by_movie = ((part.indptr, part.indices, part.data) for part in (rated, rated.tocsc()))
    users, movies = rated.shape
    ratings, norm = np.diff(by_movie[0]), rated.power(2).sum(0).A1
    shared, touched = np.zeros(movies, np.float32), np.empty(movies, np.int32)
    table = np.empty((min(counted, movies),) * 2, np.float32)
    _sum_table(*by_user, *by_movie, table)

    longest = int(ratings[len(table) :][:neighbors].sum())
    lists = np.full(users, -1, np.int32), *np.empty((2, longest), np.int32)
    values = np.empty(longest, np.float32)
    gram, diagonal = np.empty((neighbors, neighbors)), np.arange(neighbors)
    near = np.full((movies, neighbors), -1, np.int32)
    weights = np.zeros((movies, neighbors), np.float16)
    for movie in range(movies):
        sharing = touched[: _sum_shared(movie, *by_user, *by_movie, shared, touched)]
        some = _choose(shared, sharing, norm, movie, neighbors)
        number = len(some)
        near[movie, :number] = some
        _fill(some, np.searchsorted(some, counted), table, *by_movie, *lists, values, gram)
        gram[diagonal[:number], diagonal[:number]] += damping
        if number:
            # LAPACK reads matrices by columns: what is below the diagonal here is above it there.
            _, solution, _ = scipy.linalg.lapack.dposv(
                gram[:number, :number].T, shared[some].astype(float), lower=0
            )
            weights[movie, :number] = solution
        shared[sharing] = 0
    return near, weights


@numba.njit(nogil=True, cache=True)
def _choose(shared: Singles, touched: Ints, norm: Floats, movie: int, neighbors: int) -> Ints:
    """The movies nearest to a movie by cosine, ascending; of equal ones, the most rated, [k]

    Args:
        shared: the overlap of each movie with it, [m]
        touched: the movies that share a user with it.
        norm: the overlap of each movie with itself, [m]
    """
    nearness, near, size = np.empty(neighbors), np.empty(neighbors, np.int64), 0
    for other in touched:
        # The squared cosine, but for a factor that is the same for all movies.
        squared = np.float64(shared[other]) ** 2 / max(norm[other], TINY)
        if squared > 0 and other != movie:
            size = offer(nearness, near, size, squared, other)
    return np.sort(near[:size])


@numba.njit(nogil=True, cache=True)
def _sum_shared(
    target: int,
    user_starts: Ints,
    movies: Ints,
    movie_values: Singles,
    movie_starts: Ints,
    users: Ints,
    user_values: Singles,
    shared: Singles,
    touched: Ints,
) -> int:
    """Sum the overlap of a movie with each other.

    Args:
        user_starts, movies, movie_values: the movies of each user, and what their ratings count,
            from 0, [U + 1], [N] and [N]
        movie_starts, users, user_values: the same for the users of each movie, [m + 1], [N] and [N]
        shared: gets the overlaps; 0 before, [m]
        touched: gets the movies whose overlap is not 0, [m]

    Returns:
        the number of these movies
    """
    number = 0
    for own in range(movie_starts[target], movie_starts[target + 1]):
        user = users[own]
        for row in range(user_starts[user], user_starts[user + 1]):
            movie = movies[row]
            product = user_values[own] * movie_values[row]
            if product > 0:
                if shared[movie] == 0:
                    touched[number] = movie
                    number += 1
                shared[movie] += product
    return number


@numba.njit(nogil=True, cache=True)
def _sum_table(
    user_starts: Ints,
    movies: Ints,
    movie_values: Singles,
    movie_starts: Ints,
    users: Ints,
    user_values: Singles,
    table: Singles,
) -> None:
    """Sum the overlap of each two of the most rated movies, below and on the diagonal, [h, h]."""
    table[:] = 0
    for movie in range(len(table)):
        for own in range(movie_starts[movie], movie_starts[movie + 1]):
            user = users[own]
            for row in range(user_starts[user], user_starts[user + 1]):
                if movies[row] > movie:
                    break
                table[movie, movies[row]] += user_values[own] * movie_values[row]


@numba.njit(nogil=True, cache=True)
def _fill(
    near: Ints,
    counted: int,
    table: Singles,
    movie_starts: Ints,
    users: Ints,
    values: Singles,
    last: Ints,
    places: Ints,
    before: Ints,
    counts: Singles,
    gram: Floats,
) -> None:
    """Write the overlap of each two of some movies, below and on the diagonal.

    The movies without a row in the table make a linked list for each of their users. These movies,
    and then those with a row, walk the lists of their users.

    Args:
        near: the movies, ascending, [k]
        counted: how many of them have a row in the table.
        table: the overlaps of the most rated movies, below and on the diagonal, [h, h]
        movie_starts, users, values: the users of each movie, and what their ratings count,
            [m + 1], [N] and [N]
        last: the end of each user's list; -1, before and after, for an empty one, [U]
        places, before, counts: are overwritten with the places of the movies in the lists, the
            elements before them, and what the ratings count, [E]
        gram: gets the overlaps, [k or more, k or more]
    """
    for i in range(counted):
        for j in range(i + 1):
            gram[i, j] = table[near[i], near[j]]
    if counted == len(near):
        return
    gram[counted : len(near)] = 0
    elements = 0
    for i in range(counted, len(near)):
        for row in range(movie_starts[near[i]], movie_starts[near[i] + 1]):
            user = users[row]
            places[elements], before[elements], last[user] = i, last[user], elements
            counts[elements] = values[row]
            element = elements
            elements += 1
            while element >= 0:
                gram[i, places[element]] += values[row] * counts[element]
                element = before[element]
    for j in range(counted):
        for row in range(movie_starts[near[j]], movie_starts[near[j] + 1]):
            element = last[users[row]]
            while element >= 0:
                gram[places[element], j] += values[row] * counts[element]
                element = before[element]
    for movie in near[counted:]:
        for user in users[movie_starts[movie] : movie_starts[movie + 1]]:
            last[user] = -1
