"""The features of any pairs at any time, from the log of all ratings.

Shapes: R ratings, B pairs.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.features.files import read_fitted
from recsys.features.fitted import Fitted
from recsys.features.movie_index import MovieIndex
from recsys.features.online import OPINIONS, OnlineFeatures, Ratings
from recsys.features.statistics import MovieSums, damped_mean
from recsys.features.visibility import Floats, Ints, RatingLog, round_for_exact_sums
from recsys.storage.lineage import Lineage


class FeatureStore(OnlineFeatures):
    """Knows every user's ratings and those of the movies at any time, and takes new ratings in.

    Args:
        table: the columns of `schemas.FITTED_RATINGS`, sorted by user, then time.
        threads: threads that predict opinions; any number gives the same numbers.
    """

    def __init__(self, fitted: Fitted, table: pa.Table, threads: int = 1) -> None:
        super().__init__(fitted)
        *columns, unexplained = (column.to_numpy() for column in table.columns)
        user, movie, stars, label, seconds, residual = columns
        known = Ratings(user, movie, stars.astype(float), label, seconds, residual.astype(float))
        self._known, self._threads = known, threads
        self._unexplained = unexplained.astype(float)
        self._new, self._new_unexplained = known.take(slice(0)), np.empty(0)
        self.end = fitted.end

    @classmethod
    def load(
        cls, folder: Path, checkpoint: Path, lineage: Lineage, threads: int = 1
    ) -> "FeatureStore":
        """Read what the stage features wrote. Raises: InputError, as `read_fitted`."""
        return cls(*read_fitted(folder, lineage, checkpoint), threads)

    def ratings_of(self, users: Ints) -> Ratings:
        """All visible ratings of some users.

        Args:
            users: rows of the users table, each once; others have no ratings.
        """
        start, end = (np.searchsorted(self._known.user, users, side) for side in ("left", "right"))
        length = end - start
        rows = np.repeat(start - (np.cumsum(length) - length), length) + np.arange(length.sum())
        new = np.isin(self._new.user, users)
        return self._known.take(rows).extend(self._new.take(new))

    def find_moments(self, users: Ints) -> Ints:
        """The second after each user's last rating; after the last of all for one without, [B]."""
        unique, places = np.unique(users, return_inverse=True)
        ratings = self.ratings_of(unique)
        last = np.full(len(unique), -1)
        np.maximum.at(last, np.searchsorted(unique, ratings.user), ratings.seconds)
        return np.where(last < 0, self.end, last)[places] + 1

    def append(self, user: int, movie: Ints, stars: Floats, seconds: Ints) -> None:
        """Take in new ratings of a user, as if they had been in the log all along.

        This is exact for a split that follows time and ratings that are not older than the log.

        Args:
            user: row of the users table.
            movie, stars, seconds: [R]

        Raises:
            ValueError: the user has rated one of the movies already.
        """
        constants = self.fitted.constants
        for place in np.argsort(seconds, kind="stable"):
            own = self.ratings_of(np.array([user]))
            if movie[place] in own.movie:
                raise ValueError(f"the user has rated movie {movie[place]} already")
            one = slice(place, place + 1)
            added = self.rate(np.array([user]), movie[one], stars[one], seconds[one])
            visible = (own.seconds < seconds[place]) | (not self.fitted.past_only)
            residual = round_for_exact_sums(own.residual[visible]).sum()
            usual = damped_mean(residual, visible.sum(), 0, constants.user_damping)
            self._new = self._new.extend(added)
            unexplained = added.stars - constants.average - usual
            self._new_unexplained = np.append(self._new_unexplained, unexplained)
            self.end = max(self.end, int(seconds[place]))

    def sum_movies(self, movie: Ints, seconds: Ints) -> MovieSums:
        past_only = self.fitted.past_only
        if past_only and len(seconds) and seconds.min() <= self.fitted.end:
            sums = self._index.before(movie, seconds)
        else:
            sums = super().sum_movies(movie, seconds)
        if not len(self._new.movie):
            return sums
        visible = (movie[:, None] == self._new.movie).astype(float)
        if past_only:
            visible *= seconds[:, None] > self._new.seconds
        new = np.column_stack(_summands(self._new, self._new_unexplained))
        return MovieSums(*(old + added for old, added in zip(sums, (visible @ new).T, strict=True)))

    def predict_opinions(self, group: str, log: RatingLog) -> tuple[Floats, Floats]:
        if is_one_moment(log):
            return super().predict_opinions(group, log)
        # Slow to import, and needed for many moments only.
        from recsys.features.kalman import predict_rows

        order = log.by_user.order
        mean, deviation = predict_rows(
            self.fitted.processes[group],
            log.user[order],
            log.movie[order],
            log.seconds[order],
            getattr(log, OPINIONS[group])[order].astype(float),
            log.observed[order],
            log.past_only,
            self._threads,
        )
        return mean[log.by_user.place], deviation[log.by_user.place]

    @cached_property
    def _index(self) -> MovieIndex:
        known = self._known
        return MovieIndex(known.movie, known.seconds, _summands(known, self._unexplained))


def is_one_moment(log: RatingLog) -> bool:
    """Whether all queries are of one user and one time, and all visible ratings are earlier."""
    user, seconds = log.user[log.wanted], log.seconds[log.wanted]
    if not len(user) or (user != user[0]).any() or (seconds != seconds[0]).any():
        return False
    return log.past_only or bool(seconds[0] > log.seconds[log.observed].max(initial=0))


def _summands(ratings: Ratings, unexplained: Floats) -> MovieSums:
    """What each rating adds to the sums of its movie, [R] each."""
    stars = ratings.stars
    return MovieSums(np.ones(len(stars)), stars, stars**2, ratings.label.astype(float), unexplained)
