"""Joins two factors in one score: log retrieval score + w log P(like). Finds the best scores.

Every exported artifact holds a copy of this file, so it imports NumPy alone.

Shapes: B people, N candidates.
"""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer]
# A retrieval score of 0 or less has no logarithm; smaller ones are raised to this.
MIN_RETRIEVAL_SCORE = 1e-6


def join_factors(retrieval_scores: Scores, likes: Scores, like_weight: float) -> Scores:
    """The final scores, [B, N]; minus infinity where the retrieval score is minus infinity.

    Args:
        retrieval_scores: [B, N]
        likes: P(like) of the same pairs, [B, N]
        like_weight: w
    """
    scores: Scores = np.log(np.maximum(retrieval_scores, MIN_RETRIEVAL_SCORE))
    scores += like_weight * np.log(np.maximum(likes, MIN_RETRIEVAL_SCORE))
    scores[np.isneginf(retrieval_scores)] = -np.inf
    return scores


def find_best(scores: Scores, count: int) -> Rows:
    """The columns of the highest scores, highest first; equal ones in the order of columns.

    Args:
        scores: [B, columns]

    Returns:
        [B, count]
    """
    if count < scores.shape[1]:
        some = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        least = np.take_along_axis(scores, some[:, -1:], axis=1)
        # Of equal scores at the cut, argpartition takes any.
        for row in np.flatnonzero(np.count_nonzero(scores >= least, axis=1) > count):
            above = np.flatnonzero(scores[row] > least[row])
            equal = np.flatnonzero(scores[row] == least[row])
            some[row] = np.append(above, equal)[:count]
        some.sort(axis=1)
    else:
        some = np.tile(np.arange(scores.shape[1]), (len(scores), 1))
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1).astype(np.int64)
