"""What `recsys serve` answers, whatever asks.

Shapes: B movies.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.serving.catalogue import Record, describe_movies, find_row
from recsys.serving.people.given import GivenRatings
from recsys.serving.people.log import Log
from recsys.serving.people.person import Person, meet, recall
from recsys.serving.recommend.options import Wishes
from recsys.serving.recommend.recommend_one import recommend
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.titles import Titles

Id = int | str
# A movie, the stars, and the time in seconds since 1970 if it is known.
Given = tuple[Id, float, int | None]


class Service:
    """Recommends to known and new people, scores movies for them, and finds titles.

    No question changes what it knows: ratings in a question count for its answer alone. Any number
    of threads may ask. Scores are computed for one question at a time, so that memory stays bounded
    and torch and NumPy never compete with themselves for the cores.
    """

    def __init__(self, recommender: Recommender, log: Log) -> None:
        self.scorer = scorer = recommender.scorer
        self._recommender, self._log = recommender, log
        self._userids, self._movieids = map(scorer.dimensions.raw_ids, ("users", "movies"))
        ratings = scorer.dimensions.training_ratings["movies"]
        self._titles = Titles(scorer.catalogue["title"].tolist(), ratings)
        self._turn = Lock()

    def recommend(
        self,
        userid: Id | None,
        given: Sequence[Given],
        top: int,
        moment: int | None,
        wishes: Wishes,
    ) -> Record:
        """As `recsys.serving.recommend.recommend`.

        Args:
            userid: None for a new person.
            given: ratings that are not in the log.
            moment: the time of the question, in seconds since 1970; None for just after the last
                rating.

        Raises:
            InputError: an id or a genre is unknown, a movie is rated twice, or none is as wished.
        """
        with self._turn:
            person = self._find(userid, given)
            return recommend(self._recommender, person, top, moment, wishes)

    def score(
        self,
        userid: Id | None,
        given: Sequence[Given],
        movieids: Sequence[Id],
        moment: int | None,
    ) -> list[Record]:
        """Movies with their scores, in the order of their ids, [B]. The rest is as in `recommend`.

        What the given ratings say about the movies, rather than about the person, is left out.
        """
        rows = np.array([find_row(self._movieids, movieid, "movie") for movieid in movieids], int)
        with self._turn:
            person = self._find(userid, given)
            movies = torch.from_numpy(rows)
            scores = self.scorer.score(
                torch.full_like(movies, person.user),
                movies,
                torch.full_like(movies, person.moment if moment is None else moment),
                person.ratings,
            )
        return describe_movies(self.scorer.catalogue, rows, "score", scores)

    def search(self, query: str, limit: int) -> list[Record]:
        """Movies with words of their titles, the best first, each with its number of ratings."""
        rows = self._titles.search(query, limit)
        ratings = self.scorer.dimensions.training_ratings["movies"][rows]
        return describe_movies(self.scorer.catalogue, rows, "ratings", ratings)

    def _find(self, userid: Id | None, given: Sequence[Given]) -> Person:
        read = self._read(given)
        if userid is None:
            return meet(self.scorer, self._log.end, read)
        user = find_row(self._userids, userid, "user")
        return recall(self.scorer, user, self._log.of(user), self._log.end, read)

    def _read(self, given: Sequence[Given]) -> GivenRatings:
        rows: dict[int, Id] = {}
        for movieid, *_ in given:
            row = find_row(self._movieids, movieid, "movie")
            if row in rows:
                raise InputError(f"movie {show(movieid)} is rated twice; give one rating")
            rows[row] = movieid
        stars = np.array([stars for _, stars, _ in given], float)
        seconds = None
        if any(time is not None for *_, time in given):
            # Beside others with a time, a rating without one is given when the log ends.
            times = [self._log.end if time is None else time for *_, time in given]
            seconds = np.array(times, np.int64)
        return GivenRatings(np.array(list(rows), np.int64), stars, seconds)
