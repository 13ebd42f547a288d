"""The answers of `recsys serve`.

Shapes: B movies.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.serving.catalogue import Record, movie_records
from recsys.serving.people.history import UserHistory, find_repeated
from recsys.serving.people.log import Log
from recsys.serving.people.person import Person, load_person, new_person
from recsys.serving.recommend.recommend_one import recommend
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.server.messages import (
    GivenRating,
    Question,
    RecommendationQuestion,
    ScoreQuestion,
)
from recsys.serving.titles import Titles


class Service:
    """Recommends to known and new people, scores movies for them, and finds titles.

    No question changes the service: its ratings count for its own answer alone. The methods may be
    called in any number of threads. Scores are computed for one question at a time. So memory stays
    bounded, and the threads of torch and NumPy do not compete for the cores.
    """

    def __init__(self, recommender: Recommender, log: Log) -> None:
        self.scorer, self.dimensions = recommender.scorer, recommender.dimensions
        self._recommender, self._log = recommender, log
        self._ratings = self.dimensions.training_ratings["movies"]
        self._titles = Titles(recommender.catalogue["title"].tolist(), self._ratings)
        self._turn = Lock()

    def recommend(self, asked: RecommendationQuestion) -> Record:
        """As `recsys.serving.recommend.recommend_one`.

        Raises:
            InputError: an id or a genre is unknown, a movie is rated twice, or no movie has what
                the options ask for.
        """
        options = asked.options()
        with self._turn:
            person = self._find(asked)
            return recommend(self._recommender, person, asked.top, asked.time, options)

    def score(self, asked: ScoreQuestion) -> list[Record]:
        """Movies with their scores, in the order of the question, [B].

        The ratings of the question count as ratings of the person, but not in the features of the
        movies.

        Raises:
            InputError: as `recommend`.
        """
        rows = self.dimensions.ids["movies"].rows(asked.movieids)
        with self._turn:
            person = self._find(asked)
            movies = torch.from_numpy(rows)
            as_of = person.as_of if asked.time is None else asked.time
            likes, stars = self.scorer.score(
                torch.full_like(movies, person.user),
                movies,
                torch.full_like(movies, as_of),
                person.ratings,
            )
        return movie_records(self._recommender.catalogue, rows, score=likes, stars=stars)

    def search(self, query: str, limit: int) -> list[Record]:
        """Movies with words of their titles, the best first, each with its number of ratings."""
        rows = self._titles.search(query, limit)
        return movie_records(self._recommender.catalogue, rows, ratings=self._ratings[rows])

    def _find(self, asked: Question) -> Person:
        new = self._read(asked.ratings)
        if asked.userid is None:
            return new_person(self.scorer, new, self._log.end)
        (user,) = self.dimensions.ids["users"].rows([asked.userid]).tolist()
        return load_person(self.scorer, self._log, user, new)

    def _read(self, given: Sequence[GivenRating]) -> UserHistory:
        movieids = [rating.movieid for rating in given]
        rows, end = self.dimensions.ids["movies"].rows(movieids), self._log.end
        if (again := find_repeated(rows)) is not None:
            raise InputError(f"movie {show(movieids[again])} is rated twice; give one rating")
        times = [end if rating.timestamp is None else rating.timestamp for rating in given]
        stars = np.array([rating.rating for rating in given], float)
        return UserHistory.from_stars(rows, stars, np.array(times, np.int64), self.dimensions)
