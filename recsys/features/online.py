"""The features of any user with any movies, from the user's ratings and what was fitted.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: R ratings, B queries, M movies, d columns.
"""

from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask, Singles, concatenate_ranges
from recsys.features.fitted import Fitted
from recsys.features.gaussian_process.posterior import UserPosterior
from recsys.features.histories import HISTORIES, find_history
from recsys.features.statistics import GROUPS, MovieSums, Statistics
from recsys.features.visibility import QUERY, TRAINING, RatingLog

# The groups of columns that a Gaussian process predicts, and the target of each.
GP_TARGETS = {"gp_stars": "stars", "gp_like": "label"}


class LabelledRatings(NamedTuple):
    """Ratings that features are computed from, by column.

    Attributes:
        user, movie: rows of the tables, [R]; a user who is not in the table has any other number
        stars: [R]
        label: 1 for a like, else 0, [R]
        seconds: the time of the rating, in seconds since 1970, [R]
        movie_adjusted: the stars less the movie's damped mean at that time, [R]
    """

    user: Ints
    movie: Ints
    stars: Floats
    label: Ints
    seconds: Ints
    movie_adjusted: Floats

    def take(self, rows: Ints | Mask | slice) -> "LabelledRatings":
        """Some of the ratings."""
        return LabelledRatings._make(column[rows] for column in self)

    def extend(self, more: "LabelledRatings") -> "LabelledRatings":
        """These ratings, then more of them."""
        return LabelledRatings._make(np.concatenate(pair) for pair in zip(self, more, strict=True))


class Queries(NamedTuple):
    """Pairs of users and movies, and the times to compute their features for.

    Attributes:
        user, movie: as in `LabelledRatings`, [B]
        as_of: a time in seconds since 1970, [B]. If the split follows time, the ratings before this
            second are visible; if it is random, all are.
    """

    user: Ints
    movie: Ints
    as_of: Ints


class Features(NamedTuple):
    """The computed features of B queries.

    Attributes:
        dense: standardised columns in the order of `Fitted.standardisation`, [B, d]
        histories: for each history, the movies of each query, end to end, and their numbers, [B]
    """

    dense: Singles
    histories: dict[str, tuple[Ints, Ints]]


class OnlineFeatures:
    """Computes the columns of the stage features for queries of one user at one time.

    The sums over the ratings of movies are as they were at the end of the log.
    """

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted

    def label_new_ratings(
        self, user: Ints, movie: Ints, stars: Floats, seconds: Ints
    ) -> LabelledRatings:
        """Label and adjust ratings that were given after training, [R]."""
        mean = self.sum_movies(movie, seconds).mean(self.fitted.means)
        label = (stars > self.fitted.label_threshold).astype(np.int8)
        return LabelledRatings(user, movie, stars, label, seconds, stars - mean)

    def compute(self, ratings: LabelledRatings, queries: Queries) -> Features:
        """The features of some queries.

        Args:
            ratings: all ratings of the users of the queries.

        Raises:
            ValueError: the split is random, and a query is not later than the ratings.
        """
        log, movie_adjusted = merge(ratings, queries, self.fitted.past_only)
        movies = self.sum_movies(queries.movie, queries.as_of)
        fitted = self.fitted
        statistics = Statistics(log, movie_adjusted, movies, fitted.catalogue, fitted.means)
        columns: dict[str, Floats] = {}
        for group in fitted.groups:
            if group in GROUPS:
                columns |= GROUPS[group](statistics)
            else:
                mean, deviation = self.predict_ratings(group, log)
                columns |= {group: mean, f"{group}_deviation": deviation}
        dense = np.empty((len(queries.user), len(columns)), np.float32)
        for place, (name, values) in enumerate(columns.items()):
            dense[:, place] = standardise(values, fitted.standardisation[name], fitted.cutoff)
        return Features(dense, {name: self._histories(name, log) for name in fitted.histories})

    def sum_movies(self, movie: Ints, as_of: Ints) -> MovieSums:  # noqa: ARG002
        """Sums over the ratings of movies that are visible at some times, [B] each."""
        return MovieSums(*(sums[movie] for sums in self.fitted.movies))

    def predict_ratings(self, group: str, log: RatingLog) -> tuple[Floats, Floats]:
        """The mean and the standard deviation of the Gaussian process's predictions, [B] each.

        Raises:
            ValueError: the split is random, and a query is not later than the ratings.
        """
        user, movie, as_of = (c[log.targets] for c in (log.user, log.movie, log.seconds))
        if not len(user):
            return np.empty(0), np.empty(0)
        assert (user == user[0]).all()
        assert (as_of == as_of[0]).all()
        rows = np.flatnonzero(log.is_context & (log.user == user[0]))
        seconds = log.seconds[rows]
        if not log.past_only and (seconds >= as_of[0]).any():
            raise ValueError("a model of a random split scores times after the last rating")
        values = getattr(log, GP_TARGETS[group])[rows].astype(float)
        posterior = UserPosterior(self.fitted.processes[group])
        posterior.filter_until(log.movie[rows], values, seconds, int(as_of[0]))
        return posterior.predict_ratings(movie)

    def _histories(self, name: str, log: RatingLog) -> tuple[Ints, Ints]:
        history = find_history(log, HISTORIES[name], self.fitted.history_length)
        entries = concatenate_ranges(history.start, history.length)
        return history.movies[entries], history.length


def merge(ratings: LabelledRatings, queries: Queries, past_only: bool) -> tuple[RatingLog, Floats]:
    """Ratings and queries as one log whose targets are the queries.

    Returns:
        the log, [R + B]; movie_adjusted of each row, 0 for a query, [R + B]
    """
    count = len(ratings.user)
    known = (ratings.user, ratings.movie, ratings.seconds)
    user, movie, seconds = map(np.concatenate, zip(known, queries, strict=True))
    _, user = np.unique(user, return_inverse=True)
    # The order of the stage encode.
    order = np.lexsort([movie, seconds, user])
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    stars, label, movie_adjusted = (
        np.append(column, np.zeros(len(queries.user), column.dtype))[order]
        for column in (ratings.stars, ratings.label, ratings.movie_adjusted)
    )
    log = RatingLog(
        user=user[order],
        movie=movie[order],
        stars=stars,
        label=label,
        seconds=seconds[order],
        part=np.where(order < count, TRAINING, QUERY),
        past_only=past_only,
        targets=places[count:],
    )
    return log, movie_adjusted


def standardise(values: Floats, fitted: tuple[float, float], cutoff: float) -> Floats:
    """Values with mean 0 and standard deviation 1, clipped at `cutoff` deviations."""
    mean, deviation = fitted
    return np.clip((values - mean) / (deviation + 1e-6), -cutoff, cutoff)
