"""The features of any pairs at any times, from the log of all ratings.

Shapes: R ratings, B pairs.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.common.arrays import Floats, Ints, concatenate_ranges
from recsys.features.files import read_fitted
from recsys.features.fitted import Fitted
from recsys.features.movie_index import MovieIndex
from recsys.features.online import GP_TARGETS, LabelledRatings, OnlineFeatures
from recsys.features.statistics import MovieSums
from recsys.features.visibility import RatingLog
from recsys.storage.lineage import Lineage


class OnlineFeaturesWithLog(OnlineFeatures):
    """Computes the features of many users at many times, and finds the users' ratings.

    The sums over the ratings of movies are as they were at the time of the query.

    Args:
        table: the columns of `schemas.FITTED_RATINGS`, sorted by user, then time.
        threads: the threads of the Gaussian process; any number gives the same numbers.

    Attributes:
        end: the time of the log's last rating, in seconds since 1970
    """

    def __init__(self, fitted: Fitted, table: pa.Table, threads: int = 1) -> None:
        super().__init__(fitted)
        self.end, self._threads = fitted.end, threads
        columns = {name: table[name].to_numpy() for name in table.column_names}
        for name in ("rating", "movie_adjusted", "user_adjusted"):
            columns[name] = columns[name].astype(float)
        *known, self._user_adjusted = columns.values()
        self._ratings = LabelledRatings(*known)

    @classmethod
    def load(
        cls, folder: Path, checkpoint: Path, lineage: Lineage, threads: int = 1
    ) -> "OnlineFeaturesWithLog":
        """Read what the stage features wrote. Raises: InputError, as `read_fitted`."""
        return cls(*read_fitted(folder, lineage, checkpoint), threads)

    def ratings_of(self, users: Ints) -> LabelledRatings:
        """All visible ratings of some users.

        Args:
            users: rows of the users table, each once; others have no ratings.
        """
        known = self._ratings.user
        start, end = (np.searchsorted(known, users, side) for side in ("left", "right"))
        return self._ratings.take(concatenate_ranges(start, end - start))

    def default_as_of(self, users: Ints) -> Ints:
        """The second after each user's last rating, [B]; without one, after the end of the log."""
        known = self._ratings
        place = np.searchsorted(known.user, users, "right") - 1
        has_some = (place >= 0) & (known.user[place] == users)
        return np.where(has_some, known.seconds[place], self.end) + 1

    def sum_movies(self, movie: Ints, as_of: Ints) -> MovieSums:
        if self.fitted.past_only and len(as_of) and as_of.min() <= self.end:
            return MovieSums(*self._index.before(movie, as_of))
        return super().sum_movies(movie, as_of)

    def predict_ratings(self, group: str, log: RatingLog) -> tuple[Floats, Floats]:
        if is_one_user_and_time(log):
            return super().predict_ratings(group, log)
        # Slow to import, and not needed for one user at one time.
        from recsys.features.gaussian_process.kalman import predict_rows

        order = log.by_user.order
        mean, deviation = predict_rows(
            self.fitted.processes[group],
            log.user[order],
            log.movie[order],
            log.seconds[order],
            getattr(log, GP_TARGETS[group])[order].astype(float),
            log.is_context[order],
            log.past_only,
            self._threads,
        )
        return mean[log.by_user.place], deviation[log.by_user.place]

    @cached_property
    def _index(self) -> MovieIndex:
        known = self._ratings
        added = MovieSums.of_ratings(known.stars, known.label, self._user_adjusted)
        return MovieIndex(known.movie, known.seconds, added)


def is_one_user_and_time(log: RatingLog) -> bool:
    """Whether all queries are of one user and one time, and all visible ratings are earlier."""
    user, as_of = log.user[log.targets], log.seconds[log.targets]
    if not len(user) or (user != user[0]).any() or (as_of != as_of[0]).any():
        return False
    return log.past_only or bool(as_of[0] > log.seconds[log.is_context].max(initial=0))
