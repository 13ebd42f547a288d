"""Recommends by two factors: what people interact with, and whether they like it.

The score of a movie for a person is log retrieval score + w log P(like). The retrieval model scores
all movies, and the DLRM the candidates: the movies with the highest retrieval scores. The option
`popularity` adds to the score; the option `diversity` chooses from the same scores.

Shapes: B people, M movies, N candidates, k recommendations.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from recsys.common.arrays import find_best
from recsys.features.online import LabelledRatings
from recsys.models.answers import Answers
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.model import RetrievalModel
from recsys.serving.catalogue import list_movies
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.recommend.diversity import find_diverse
from recsys.serving.recommend.filter import find_allowed
from recsys.serving.recommend.options import DEFAULT_OPTIONS, RecommendOptions
from recsys.serving.recommend.ranking import Rows, Scores, join_factors

PEOPLE_AT_ONCE = 256


class Ranking(NamedTuple):
    """The best movies of B people, best first.

    Attributes:
        movies: rows of the movies table, -1 behind the end of a short list, [B, k]
        scores: log retrieval score + w log P(like), and what the options add, [B, k]
        likes: P(like), [B, k]
        stars: the expected stars, [B, k]; None if the model has the label's threshold alone
    """

    movies: Rows
    scores: Scores
    likes: Scores
    stars: Scores | None


class Recommender:
    """Ranks the movies that `find_allowed` allows and the person has not interacted with."""

    def __init__(self, scorer: CheckpointModel, retrieval: RetrievalModel) -> None:
        self.scorer, self.retrieval, self.params = scorer, retrieval, retrieval.params
        self.dimensions = scorer.dimensions

    @classmethod
    def load(cls, checkpoint: Path, features: Path | None, retrieval: Path) -> "Recommender":
        """Read a model and the retrieval model of the same run. Raises: InputError."""
        scorer = CheckpointModel(checkpoint, features)
        dimensions = scorer.dimensions
        return cls(scorer, RetrievalModel.load(retrieval, dimensions.folder, dimensions.lineage))

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """The movies in the order of their rows, from `list_movies`."""
        return list_movies(self.dimensions)

    def rank(
        self,
        users: Rows,
        histories: UserHistories,
        top: int,
        as_of: Rows | None = None,
        ratings: LabelledRatings | None = None,
        options: RecommendOptions = DEFAULT_OPTIONS,
    ) -> Ranking:
        """Rank movies for some people.

        Args:
            users: rows of the users table, or its length for a new person, [B]
            histories: what the people interacted with; it is not recommended to them.
            top: k
            as_of: the time of each question, as `CheckpointModel.score` takes it, [B]
            ratings: all ratings of the people, as `CheckpointModel.score` takes them.

        Raises:
            InputError: no movie has what the options ask for.
        """
        allowed = find_allowed(self.dimensions, options)
        count = min(max(self.params.candidates, top), len(allowed))
        pieces = []
        for start in range(0, len(users), PEOPLE_AT_ONCE):
            some = slice(start, start + PEOPLE_AT_ONCE)
            times = None if as_of is None else as_of[some]
            history = histories[some]
            movies, retrieved = self.retrieval.find_candidates(history, allowed, count, times)
            answers = self._predict(users[some], movies, times, ratings)
            pieces.append(self._order(movies, retrieved, answers, top, options))
        *columns, stars = zip(*pieces, strict=True)
        movies, scores, likes = map(np.concatenate, columns)
        return Ranking(movies, scores, likes, None if stars[0] is None else np.concatenate(stars))

    def _predict(
        self, users: Rows, movies: Rows, as_of: Rows | None, ratings: LabelledRatings | None
    ) -> Answers:
        """The answers for each candidate, [B * N]"""
        count = movies.shape[1]
        return self.scorer.score(
            torch.from_numpy(users).repeat_interleave(count),
            torch.from_numpy(movies.ravel()),
            None if as_of is None else torch.from_numpy(as_of).repeat_interleave(count),
            ratings,
        )

    def _order(
        self, movies: Rows, retrieved: Scores, answers: Answers, top: int, options: RecommendOptions
    ) -> Ranking:
        """The best k of the candidates.

        Args:
            movies, retrieved: the candidates with their retrieval scores, [B, N]
            answers: for the candidates, [B * N]
        """
        likes = answers.likes.reshape(movies.shape)
        scores = join_factors(retrieved, likes, self.params.like_weight)
        if options.popularity:
            # Minus infinity stays what it is.
            scores += options.popularity * np.log(np.maximum(self.retrieval.ratings[movies], 1))
        count = min(top, movies.shape[1])
        if options.diversity:

            def compare(columns: Rows) -> Scores:
                chosen = np.take_along_axis(movies, columns[:, None], axis=1)
                # Most weights are small: their roots differ more.
                return np.sqrt(np.clip(self.retrieval.compare(chosen, movies), 0, 1))

            best = find_diverse(scores, count, options.diversity, compare)
        else:
            best = find_best(scores, count)
        pairs = best + np.arange(movies.size, step=movies.shape[1])[:, None]
        scores = scores.ravel()[pairs]
        movies = np.where(np.isneginf(scores), -1, movies.ravel()[pairs])
        return Ranking(movies, scores, *answers.take(pairs))
