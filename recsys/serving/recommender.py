"""Recommends by two factors: what people pick up at all, and whether they like it.

The score of a movie for a person is log exposure + w log P(like). The exposure model scores all
movies, and the DLRM only those with the highest exposure.

Shapes: B people, M movies, N candidates, k recommendations.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse
import torch

from recsys.features.online import Ratings
from recsys.retrieval.exposure import Exposure
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.ranking import Rows, Scores, find_best, join_factors

PEOPLE_AT_ONCE = 256


class Ranking(NamedTuple):
    """The best movies of B people, best first.

    Attributes:
        movies: rows of the movies table, -1 behind the end of a short list, [B, k]
        scores: log exposure + w log P(like), [B, k]
        likes: P(like), or of a regression the expected stars, [B, k]
    """

    movies: Rows
    scores: Scores
    likes: Scores


class Recommender:
    """Ranks the movies that people have not picked up yet.

    Movies without a training rating are left out, because nothing is known about them.
    """

    def __init__(self, scorer: PairScorer, exposure: Exposure) -> None:
        self.scorer, self.exposure, self.params = scorer, exposure, exposure.params
        self.unknown = ~scorer.known_movies.numpy()
        lowest = scorer.dimensions.vocabulary.rating_scale.lowest
        # The logarithm of a regression's stars is that of their distance to the lowest.
        self.lowest = lowest if scorer.description.task == "regression" else 0

    @classmethod
    def load(
        cls, checkpoint: Path, features: Path | None, exposure: Path, threads: int = 1
    ) -> "Recommender":
        """Read a model and the exposure model of the same run. Raises: InputError."""
        scorer = PairScorer(checkpoint, features, threads)
        dimensions = scorer.dimensions
        return cls(scorer, Exposure.load(exposure, dimensions.folder, dimensions.origin))

    def rank(
        self,
        users: Rows,
        histories: scipy.sparse.csr_matrix,
        top: int,
        seconds: Rows | None = None,
        ratings: Ratings | None = None,
    ) -> Ranking:
        """Rank movies for some people.

        Args:
            users: rows of the users table, or its length for a new person, [B]
            histories: 1 for each movie that a person picked up, [B, M]; these are not recommended.
            top: k
            seconds: the time of each recommendation, as `PairScorer.score` takes it, [B]
            ratings: all ratings of the people, as `PairScorer.score` takes them.
        """
        pieces = [
            self._rank(
                users[start : start + PEOPLE_AT_ONCE],
                histories[start : start + PEOPLE_AT_ONCE],
                top,
                None if seconds is None else seconds[start : start + PEOPLE_AT_ONCE],
                ratings,
            )
            for start in range(0, len(users), PEOPLE_AT_ONCE)
        ]
        movies, scores, likes = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return Ranking(movies, scores, likes)

    def _rank(
        self,
        users: Rows,
        histories: scipy.sparse.csr_matrix,
        top: int,
        seconds: Rows | None,
        ratings: Ratings | None,
    ) -> Ranking:
        exposure = self.exposure.score(histories)
        exposure[:, self.unknown] = -np.inf
        exposure[histories.nonzero()] = -np.inf
        count = min(max(self.params.candidates, top), exposure.shape[1])
        movies = find_best(exposure, count)
        likes = self.scorer.score(
            torch.from_numpy(users).repeat_interleave(count),
            torch.from_numpy(movies.ravel()),
            None if seconds is None else torch.from_numpy(seconds).repeat_interleave(count),
            ratings,
        ).reshape(movies.shape)
        exposed = np.take_along_axis(exposure, movies, axis=1)
        scores = join_factors(exposed, likes, self.params.like_weight, self.lowest)
        best = find_best(scores, min(top, count))
        scores = np.take_along_axis(scores, best, axis=1)
        movies = np.where(np.isneginf(scores), -1, np.take_along_axis(movies, best, axis=1))
        return Ranking(movies, scores, np.take_along_axis(likes, best, axis=1))
