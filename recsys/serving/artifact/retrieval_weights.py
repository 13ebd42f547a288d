"""The retrieval model of an exported artifact, for one person at a time.

It gives the same numbers as `recsys.retrieval.model`, without SciPy. The artifact holds a copy
of this file, so it imports NumPy, torch and other copies.

Shapes: M movies, m movies with weights, n stored weights, R movies of one person.
"""

from typing import Any

import numpy as np
from torch import Tensor

from recsys.serving.recommend.ranking import Rows, Scores


class RetrievalWeights:
    """How likely people are to interact with movies, from the movies that they interacted with.

    Args:
        numbers: as `RetrievalModel.to_numbers` gives them: movies, [m]; ratings and returning, [M];
            and either weights, [m, m], or of a large catalogue starts, [m + 1], columns and values,
            [n]
        candidates: P(like) is predicted for this many movies, by retrieval score.
        like_weight: the weight of log P(like) beside log retrieval score.
    """

    def __init__(self, numbers: dict[str, Tensor], candidates: int, like_weight: float) -> None:
        self.numbers, self.candidates, self.like_weight = numbers, candidates, like_weight
        names = ("movies", "ratings", "returning")
        self.movies, self.ratings, self.returning = (numbers[name].numpy() for name in names)
        self.is_dense = "weights" in numbers
        self.values = numbers["weights" if self.is_dense else "values"].float().numpy()

    def score_all(self, history: Rows) -> Scores:
        """The scores of all movies for a person; higher is likelier, and some are below 0, [M]

        Args:
            history: rows of the movies that the person interacted with, ascending, [R]
        """
        scores = np.zeros(len(self.ratings), np.float32)
        scores[self.movies] = self._add(
            np.flatnonzero(np.isin(self.movies, history, assume_unique=True))
        )
        if not scores.any():
            # Nothing is known about the person's movies.
            scores[:] = self.ratings / self.ratings.sum()
        scores *= self.returning
        return scores

    def _add(self, places: Rows) -> Scores:
        """The sum of the weights of some of the m movies, [m]"""
        total = np.zeros(len(self.movies), np.float32)
        if self.is_dense:
            for place in places:
                total += self.values[place]
            return total
        starts, columns = (self.numbers[name].numpy() for name in ("starts", "columns"))
        for place in places:
            some = slice(starts[place], starts[place + 1])
            total[columns[some]] += self.values[some]
        return total

    def to_json(self) -> dict[str, Any]:
        return {"candidates": self.candidates, "like_weight": self.like_weight}
