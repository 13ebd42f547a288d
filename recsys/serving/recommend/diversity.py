"""Lists that do not say the same thing twice.

Shapes: B people, N candidates, k recommendations.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from recsys.retrieval.model import Scores

Rows = npt.NDArray[np.int64]
# The loss, in units of the score, of a movie that is as similar as can be. On MovieLens 1M, a
# diversity of 0.5 then costs little and shows.
LARGEST_LOSS = 3.0
LEAST = -1e9


def find_diverse(
    scores: Scores, count: int, diversity: float, compare: Callable[[Rows], Scores]
) -> Rows:
    """The columns of good and dissimilar candidates, by maximal marginal relevance.

    The next candidate is that with the highest (1 - d) score - d 3 s, where s is its similarity to
    the nearest one before it (Carbonell & Goldstein 1998, "The use of MMR, diversity-based
    reranking"). Equal ones follow in the order of columns.

    Args:
        scores: minus infinity for what must come last, [B, N]
        count: k
        diversity: d, from 0 to 1
        compare: the similarity, from 0 to 1, of one candidate of each person, given by its column,
            [B], to all candidates, [B, N]

    Returns:
        [B, k]
    """
    people = np.arange(len(scores))
    # Finite, for what is chosen already must come after it.
    last = np.isneginf(scores)
    left = np.where(last, LEAST, (1 - diversity) * np.where(last, 0, scores))
    nearest = np.zeros_like(scores)
    chosen = np.empty((len(scores), count), np.int64)
    for place in range(count):
        best = chosen[:, place] = (left - diversity * LARGEST_LOSS * nearest).argmax(axis=1)
        left[people, best] = -np.inf
        nearest = np.maximum(nearest, compare(best))
    return chosen
