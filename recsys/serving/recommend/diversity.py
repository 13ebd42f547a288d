"""Lists of movies that do not resemble each other.

Shapes: B people, N candidates, k recommendations.
"""

from collections.abc import Callable

import numpy as np

from recsys.common.arrays import Singles
from recsys.serving.recommend.ranking import Rows

# The loss, in units of the score, of a movie with similarity 1. On MovieLens 1M, a diversity of 0.5
# then costs little NDCG and changes the lists.
MAX_LOSS = 3.0
# Below all scores, but finite: movies that are chosen already have minus infinity.
MIN_SCORE = -1e9


def find_diverse(
    scores: Singles, count: int, diversity: float, compare: Callable[[Rows], Singles]
) -> Rows:
    """The columns of good and dissimilar candidates, by maximal marginal relevance.

    The next candidate has the highest (1 - d) score - d 3 s. Here s is its similarity to the most
    similar candidate before it (Carbonell & Goldstein 1998, "The use of MMR, diversity-based
    reranking"). Of equal candidates, the first column comes first.

    Args:
        scores: minus infinity for candidates that must come last, [B, N]
        count: k
        diversity: d, from 0 to 1
        compare: the similarity, from 0 to 1, of one candidate of each person, given by its column,
            [B], to all candidates, [B, N]

    Returns:
        [B, k]
    """
    people = np.arange(len(scores))
    last = np.isneginf(scores)
    left = np.where(last, MIN_SCORE, (1 - diversity) * np.where(last, 0, scores))
    nearest = np.zeros_like(scores)
    chosen = np.empty((len(scores), count), np.int64)
    for place in range(count):
        best = chosen[:, place] = (left - diversity * MAX_LOSS * nearest).argmax(axis=1)
        left[people, best] = -np.inf
        nearest = np.maximum(nearest, compare(best))
    return chosen
