"""The movies with the best retrieval scores, from sparse weights, one person at a time.

A score is the sum of the weights of the person's movies. In a large catalogue, most weights are 0.
The others are added up for one person after the other, and no table of people and movies is made.

Shapes: B people, R ratings of all of them, M movies, m movies with weights, n weights, N
candidates.
"""

import numba
import numpy as np

from recsys.common.arrays import Ints, Mask, Singles
from recsys.retrieval.best import offer, sort_best


@numba.njit(nogil=True, cache=True)
def find_candidates(
    starts: Ints,
    listed: Ints,
    movies: Ints,
    weight_starts: Ints,
    columns: Ints,
    weights: Singles,
    popular: Singles,
    returning: Singles,
    allowed: Mask,
    best: Ints,
    scores: Singles,
) -> None:
    """Find each person's candidates, as `RetrievalModel.find_candidates` does from all scores.

    Args:
        starts, listed: the movies of each person, ascending, [B + 1] and [R]
        movies: the rows of the movies with weights, ascending, [m]
        weight_starts, columns, weights: the weights of each movie, in CSR form, [m + 1], [n], [n]
        popular: the scores for a person about whose movies nothing is known, [M]
        returning: what each movie's score is multiplied by, above 0, [M]
        allowed: whether a movie may be a candidate, [M]
        best, scores: get the candidates and their scores, best first, [B, N]
    """
    place = np.full(len(allowed), -1, np.int32)
    place[movies] = np.arange(len(movies), dtype=np.int32)
    sums = np.empty(len(movies), np.float32)
    # 0 for movies that are no candidates.
    factors = np.where(allowed, returning, np.float32(0))[movies]
    for person in range(len(starts) - 1):
        own = listed[starts[person] : starts[person + 1]]
        places = place[own]
        places = places[places >= 0]
        sums[:] = 0
        for i in places:
            for entry in range(weight_starts[i], weight_starts[i + 1]):
                sums[columns[entry]] += weights[entry]
        factors[places] = 0
        size = _offer_positive(sums, factors, movies, scores[person], best[person])
        if size < best.shape[1]:
            everything = np.zeros(len(allowed), np.float32)
            everything[movies] = sums
            if not sums.any():
                everything[:] = popular
            everything *= returning
            everything[own] = -np.inf
            size = _offer_all(everything, allowed, scores[person], best[person])
        sort_best(scores[person], best[person], size)
        for i in places:
            factors[i] = returning[movies[i]] if allowed[movies[i]] else 0


@numba.njit(nogil=True, cache=True)
def _offer_positive(
    sums: Singles, factors: Singles, movies: Ints, scores: Singles, best: Ints
) -> int:
    """Take the best movies with a score above 0 into a heap, and return their number."""
    size, least = 0, np.float32(0)
    for i in range(len(sums)):
        score = sums[i] * factors[i]
        # Of equal scores, the first one stays.
        if score > least:
            size = offer(scores, best, size, score, movies[i])
            if size == len(best):
                least = scores[0]
    return size


@numba.njit(nogil=True, cache=True)
def _offer_all(everything: Singles, allowed: Mask, scores: Singles, best: Ints) -> int:
    """Take the best of all movies into a heap, and return their number."""
    size = 0
    for movie in range(len(allowed)):
        score = everything[movie] if allowed[movie] else np.float32(-np.inf)
        size = offer(scores, best, size, score, movie)
    return size
