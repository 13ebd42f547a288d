"""The movies with the best retrieval scores, from sparse weights, without a score of each movie.

A person's scores are sums of the weights of their movies, which are 0 for most movies of a large
catalogue. So the time depends on the number of those weights.

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
    for i in range(len(movies)):
        place[movies[i]] = i
    # No weight was added to a sum that is not a number.
    sums = np.full(len(movies), np.nan, np.float32)
    touched = np.empty(len(movies), np.int32)
    is_own = np.zeros(len(allowed), np.bool_)
    for person in range(len(starts) - 1):
        own = listed[starts[person] : starts[person + 1]]
        is_own[own] = True
        number = _add_weights(own, place, weight_starts, columns, weights, sums, touched)
        size, is_known = 0, False
        for i in touched[:number]:
            movie = movies[i]
            is_known |= sums[i] != 0
            if sums[i] > 0 and allowed[movie] and not is_own[movie]:
                score = sums[i] * returning[movie]
                size = offer(scores[person], best[person], size, score, movie)
        if not is_known or size < best.shape[1]:
            # The other movies have to fill the list: those of score 0, then those below.
            size = 0
            for movie in range(len(allowed)):
                score = popular[movie] * returning[movie]
                if is_known:
                    i = place[movie]
                    is_touched = i >= 0 and not np.isnan(sums[i])
                    score = sums[i] * returning[movie] if is_touched else np.float32(0)
                if is_own[movie] or not allowed[movie]:
                    score = np.float32(-np.inf)
                size = offer(scores[person], best[person], size, score, movie)
        sort_best(scores[person], best[person], size)
        sums[touched[:number]] = np.nan
        is_own[own] = False


@numba.njit(nogil=True, cache=True)
def _add_weights(
    own: Ints,
    place: Ints,
    weight_starts: Ints,
    columns: Ints,
    weights: Singles,
    sums: Singles,
    touched: Ints,
) -> int:
    """Add the weights of a person's movies to the sums, and return how many movies have some.

    Args:
        own: the person's movies.
        place: of each movie among those with weights, or -1, [M]
        touched: gets the places of the movies with a sum, [m]
    """
    number = 0
    for movie in own:
        if place[movie] < 0:
            continue
        for entry in range(weight_starts[place[movie]], weight_starts[place[movie] + 1]):
            i = columns[entry]
            if np.isnan(sums[i]):
                touched[number], sums[i] = i, 0
                number += 1
            sums[i] += weights[entry]
    return number
