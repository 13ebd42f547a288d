"""Recommends by two factors: what people interact with, and whether they like it.

The score of a movie for a person is log retrieval score + w log P(like). The retrieval model scores
all movies, and the DLRM only those with the highest retrieval score. An option for lesser or better
known movies adds to the score; the option for diversity chooses from the same scores.

Shapes: B people, M movies, N candidates, k recommendations.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from recsys.features.online import LabelledRatings
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.model import RetrievalModel
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.recommend.diversity import find_diverse
from recsys.serving.recommend.filter import Filter
from recsys.serving.recommend.options import NO_WISHES, Wishes
from recsys.serving.recommend.ranking import Rows, Scores, find_best, join_factors

PEOPLE_AT_ONCE = 256


class Ranking(NamedTuple):
    """The best movies of B people, best first.

    Attributes:
        movies: rows of the movies table, -1 behind the end of a short list, [B, k]
        scores: log retrieval score + w log P(like), and what wishes add, [B, k]
        likes: P(like), or of a regression the expected stars, [B, k]
    """

    movies: Rows
    scores: Scores
    likes: Scores


class Recommender:
    """Ranks the movies that people may be recommended, as `Filter` says."""

    def __init__(self, scorer: PairScorer, retrieval: RetrievalModel) -> None:
        self.scorer, self.retrieval, self.params = scorer, retrieval, retrieval.params
        lowest = scorer.dimensions.vocabulary.rating_scale.lowest
        # The logarithm of a regression's stars is that of their distance to the lowest.
        self.lowest = lowest if scorer.description.task == "regression" else 0

    @classmethod
    def load(
        cls, checkpoint: Path, features: Path | None, retrieval: Path, threads: int = 1
    ) -> "Recommender":
        """Read a model and the retrieval model of the same run. Raises: InputError."""
        scorer = PairScorer(checkpoint, features, threads)
        dimensions = scorer.dimensions
        return cls(scorer, RetrievalModel.load(retrieval, dimensions.folder, dimensions.lineage))

    def rank(
        self,
        users: Rows,
        histories: UserHistories,
        top: int,
        seconds: Rows | None = None,
        ratings: LabelledRatings | None = None,
        wishes: Wishes = NO_WISHES,
    ) -> Ranking:
        """Rank movies for some people.

        Args:
            users: rows of the users table, or its length for a new person, [B]
            histories: what the people interacted with, which they are not recommended, of B people
            top: k
            seconds: the time of each recommendation, as `PairScorer.score` takes it, [B]
            ratings: all ratings of the people, as `PairScorer.score` takes them.

        Raises:
            InputError: no movie is as wished.
        """
        allowed = Filter(self.scorer.dimensions, wishes)
        pieces = [
            self._rank(
                users[start : start + PEOPLE_AT_ONCE],
                histories[start : start + PEOPLE_AT_ONCE],
                top,
                None if seconds is None else seconds[start : start + PEOPLE_AT_ONCE],
                ratings,
                wishes,
                allowed,
            )
            for start in range(0, len(users), PEOPLE_AT_ONCE)
        ]
        movies, scores, likes = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return Ranking(movies, scores, likes)

    def _rank(
        self,
        users: Rows,
        histories: UserHistories,
        top: int,
        seconds: Rows | None,
        ratings: LabelledRatings | None,
        wishes: Wishes,
        allowed: Filter,
    ) -> Ranking:
        retrieved = self.retrieval.score(histories, seconds)
        allowed.apply(retrieved, histories)
        count = min(max(self.params.candidates, top), retrieved.shape[1])
        movies = find_best(retrieved, count)
        likes = self.scorer.score(
            torch.from_numpy(users).repeat_interleave(count),
            torch.from_numpy(movies.ravel()),
            None if seconds is None else torch.from_numpy(seconds).repeat_interleave(count),
            ratings,
        ).reshape(movies.shape)
        retrieval_scores = np.take_along_axis(retrieved, movies, axis=1)
        scores = join_factors(retrieval_scores, likes, self.params.like_weight, self.lowest)
        if wishes.popularity:
            # Minus infinity stays what it is.
            scores += wishes.popularity * np.log(np.maximum(self.retrieval.ratings[movies], 1))
        best = self._choose(movies, scores, min(top, count), wishes.diversity)
        scores = np.take_along_axis(scores, best, axis=1)
        movies = np.where(np.isneginf(scores), -1, np.take_along_axis(movies, best, axis=1))
        return Ranking(movies, scores, np.take_along_axis(likes, best, axis=1))

    def _choose(self, movies: Rows, scores: Scores, count: int, diversity: float) -> Rows:
        """The columns of the candidates that are recommended, best first, [B, count]"""
        if not diversity:
            return find_best(scores, count)

        def compare(columns: Rows) -> Scores:
            chosen = np.take_along_axis(movies, columns[:, None], axis=1)
            # Most weights are small: their roots differ more.
            return np.sqrt(np.clip(self.retrieval.compare(chosen, movies), 0, 1))

        return find_diverse(scores, count, diversity, compare)
