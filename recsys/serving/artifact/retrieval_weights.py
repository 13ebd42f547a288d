"""The retrieval model of an exported artifact, for one person at a time.

It gives the same numbers as `recsys.retrieval.model`, without SciPy. The artifact holds a copy
of this file, so it imports NumPy, torch and other copies.

Shapes: M movies, m movies with weights, n stored weights, R movies of one person.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recsys.serving.artifact.network import Form, forms_of
from recsys.serving.recommend.ranking import Rows, Scores

# As params.yaml takes them.
MOST_CANDIDATES = 10**9


class RetrievalWeights:
    """How likely people are to interact with movies, from the movies that they interacted with.

    Args:
        numbers: as `RetrievalModel.to_numbers` gives them: movies, [m]; ratings and trend, [M]; and
            either weights, [m, m], or of a large catalogue starts, [m + 1], columns and values, [n]
        candidates: P(like) is predicted for this many movies, by retrieval score.
        like_weight: the weight of log P(like) beside log retrieval score.
    """

    def __init__(self, numbers: dict[str, Tensor], candidates: int, like_weight: float) -> None:
        self.numbers, self.candidates, self.like_weight = numbers, candidates, like_weight
        names = ("movies", "ratings", "trend")
        self.movies, self.ratings, self.trend = (numbers[name].numpy() for name in names)
        self.is_dense = "weights" in numbers
        self.values = numbers["weights" if self.is_dense else "values"].float().numpy()

    def score(self, history: Rows) -> Scores:
        """The scores of all movies for somebody; higher is likelier, and some are below 0, [M]

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
        scores *= self.trend
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

    @classmethod
    def from_parts(
        cls, content: dict[str, Any], numbers: dict[str, Tensor], movies: int
    ) -> "RetrievalWeights":
        """The model from what `to_json` gave, and its numbers.

        Args:
            movies: M

        Raises:
            ValueError: a value is none that `export` writes.
            LookupError: something is missing.
        """
        candidates, like_weight = content["candidates"], content["like_weight"]
        # A bool is an int, and `isinstance` would let it pass.
        sound = type(candidates) is int and 0 < candidates <= MOST_CANDIDATES
        sound &= type(like_weight) is float and 0 <= like_weight < math.inf
        if not sound or len(content) > 2:
            raise ValueError("its retrieval has a value that no export writes")
        check_numbers(numbers, movies)
        return cls(numbers, candidates, like_weight)


def check_numbers(numbers: dict[str, Tensor], movies: int) -> None:
    """Check that the numbers fit each other.

    Args:
        movies: M

    Raises:
        ValueError: they do not.
        LookupError: some are missing.
    """
    rows, ratings, trend = (numbers[name] for name in ("movies", "ratings", "trend"))
    forms: dict[str, Form] = {
        "movies": (torch.int32, (len(rows),)),
        "ratings": (torch.int32, (movies,)),
        "trend": (torch.float32, (movies,)),
    }
    sound = are_places(rows, movies) and ascend(rows, 1) and bool((ratings >= 0).all())
    sound &= bool((trend.isfinite() & (trend >= 0)).all())
    if "weights" in numbers:
        forms["weights"] = torch.float16, (len(rows), len(rows))
    else:
        starts, columns = numbers["starts"], numbers["columns"]
        forms["starts"] = torch.int32, (len(rows) + 1,)
        forms["columns"] = torch.int32, (len(columns),)
        forms["values"] = torch.float16, (len(columns),)
        sound &= starts[[0, -1]].tolist() == [0, len(columns)] and ascend(starts, 0)
        sound &= are_places(columns, len(rows))
    if not sound or forms_of(numbers) != forms:
        raise ValueError("its tensors are no retrieval model of these movies")


def are_places(numbers: Tensor, length: int) -> bool:
    """Whether the numbers are places in a list of this length."""
    return bool(((numbers >= 0) & (numbers < length)).all())


def ascend(numbers: Tensor, least: int) -> bool:
    """Whether each number is at least so much more than the one before it."""
    return bool((numbers.diff() >= least).all())
