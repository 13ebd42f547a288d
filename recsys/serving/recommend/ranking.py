"""Joins two factors in one score: log retrieval score + w log P(like).

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
