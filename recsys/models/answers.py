"""What a model answers, from its logits: the probability of a like, and the expected stars.

Every exported artifact holds a copy of this file, so it imports torch, NumPy and other copies.

Shapes: B rows, T thresholds.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recsys.common.arrays import Singles
from recsys.models.description import Heads


class Answers(NamedTuple):
    """The answers for B pairs of a user and a movie.

    Attributes:
        likes: the probability that the user likes the movie, [B]
        stars: the expected rating, in stars, [B]; None if the label's is the only threshold
    """

    likes: Singles
    stars: Singles | None

    def take(self, pairs: npt.NDArray[np.integer | np.bool_]) -> "Answers":
        """The answers for some of the pairs, in the shape of the array that chooses them."""
        return Answers(self.likes[pairs], None if self.stars is None else self.stars[pairs])


def read_answers(logits: Tensor, heads: Heads) -> Answers:
    """The answers that logits give, [B, T].

    The expected stars are the lowest ones, plus for each threshold the distance of the stars around
    it, times the probability of a rating above it.
    """
    # In double precision: in single, the last digit depends on a row's place in the batch.
    chances = torch.sigmoid(logits.double())
    likes = chances[:, heads.label].float().numpy(force=True)
    if not heads.stars:
        return Answers(likes, None)
    lowest, *_ = stars = torch.tensor(heads.stars, dtype=torch.float64, device=logits.device)
    return Answers(likes, (lowest + chances @ stars.diff()).float().numpy(force=True))
