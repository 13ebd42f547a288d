"""The features of any user with any movies, from the user's ratings and what was fitted.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: R ratings, B queries, M movies, d columns.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.features.fitted import Fitted
from recsys.features.histories import HISTORIES, find_history
from recsys.features.posterior import UserPosterior
from recsys.features.statistics import GROUPS, MovieSums, Statistics
from recsys.features.visibility import QUERY, TRAINING, Floats, Ints, Mask, RatingLog

# The groups of columns that a Gaussian process predicts, and the column of its target.
OPINIONS = {"taste": "stars", "liking": "label"}


class Ratings(NamedTuple):
    """Ratings that features are computed from, by column.

    Attributes:
        user, movie: rows of the tables; users that are not in the table have any other numbers, [R]
        stars: [R]
        label: 1 for a like, else 0, [R]
        seconds: time of the rating, in seconds since 1970, [R]
        residual: the stars above the movie's damped mean at that time, [R]
    """

    user: Ints
    movie: Ints
    stars: Floats
    label: Ints
    seconds: Ints
    residual: Floats

    def take(self, rows: Ints | Mask | slice) -> "Ratings":
        """Some of the ratings."""
        columns: list[Any] = [column[rows] for column in self]
        return Ratings(*columns)

    def extend(self, more: "Ratings") -> "Ratings":
        """These ratings, then more of them."""
        columns: list[Any] = [np.concatenate(pair) for pair in zip(self, more, strict=True)]
        return Ratings(*columns)


class Queries(NamedTuple):
    """Pairs of users and movies, and the times at which their features are wanted.

    Attributes:
        user, movie: as in `Ratings`, [B]
        seconds: the ratings before this second are known, or all if the split is random, [B]
    """

    user: Ints
    movie: Ints
    seconds: Ints


class Features(NamedTuple):
    """The computed features of B queries.

    Attributes:
        dense: standardised columns in the order of `Fitted.standardisation`, [B, d]
        histories: for each history, the movies of each query, end to end, and their numbers, [B]
    """

    dense: npt.NDArray[np.float32]
    histories: dict[str, tuple[Ints, Ints]]


class OnlineFeatures:
    """Computes the columns of the stage features for pairs that nobody rated.

    The ratings of movies are known as they were at the end of the log.
    """

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted

    def rate(self, user: Ints, movie: Ints, stars: Floats, seconds: Ints) -> Ratings:
        """Ratings that were given after training, with their labels and residuals, [R]."""
        mean = self.sum_movies(movie, seconds).mean(self.fitted.constants)
        label = (stars > self.fitted.label_threshold).astype(np.int8)
        return Ratings(user, movie, stars, label, seconds, stars - mean)

    def compute(self, ratings: Ratings, queries: Queries) -> Features:
        """The features of some queries.

        Args:
            ratings: all ratings of the users whose features are wanted.
        """
        log, residual = merge(ratings, queries, self.fitted.past_only)
        movies = self.sum_movies(queries.movie, queries.seconds)
        statistics = Statistics(log, residual, movies, self.fitted.catalogue, self.fitted.constants)
        columns: dict[str, Floats] = {}
        for group in self.fitted.groups:
            if group in GROUPS:
                columns |= GROUPS[group](statistics)
            else:
                mean, deviation = self.predict_opinions(group, log)
                columns |= {group: mean, f"{group}_deviation": deviation}
        dense = np.empty((len(queries.user), len(columns)), np.float32)
        for place, (name, values) in enumerate(columns.items()):
            dense[:, place] = standardise(
                values, self.fitted.standardisation[name], self.fitted.cutoff
            )
        return Features(dense, {name: self._histories(name, log) for name in self.fitted.histories})

    def sum_movies(self, movie: Ints, seconds: Ints) -> MovieSums:  # noqa: ARG002
        """Sums over the ratings of movies that are visible at some times, [B] each."""
        return MovieSums(*(sums[movie] for sums in self.fitted.movies))

    def predict_opinions(self, group: str, log: RatingLog) -> tuple[Floats, Floats]:
        """The mean and the standard deviation of the predicted opinions, [B] each.

        Raises:
            ValueError: the split is random, and a query is not later than the ratings of its user.
        """
        target = getattr(log, OPINIONS[group]).astype(float)
        asked, movie, moment = (c[log.wanted] for c in (log.user, log.movie, log.seconds))
        mean, deviation = np.empty(len(asked)), np.empty(len(asked))
        for places in group_places(asked, moment):
            user, seconds = asked[places[0]], moment[places[0]]
            known = log.observed & (log.user == user)
            if log.past_only:
                known &= log.seconds < seconds
            elif (log.seconds[known] >= seconds).any():
                raise ValueError("a model of a random split scores times after the last rating")
            posterior = UserPosterior(self.fitted.processes[group])
            rows = np.flatnonzero(known)
            posterior.absorb_earlier(log.movie[rows], target[rows], log.seconds[rows], seconds)
            mean[places], deviation[places] = posterior.predict(movie[places])
        return mean, deviation

    def _histories(self, name: str, log: RatingLog) -> tuple[Ints, Ints]:
        history = find_history(log, HISTORIES[name], self.fitted.history_length)
        length = history.length
        shifts = np.repeat(history.start - (np.cumsum(length) - length), length)
        return history.movies[shifts + np.arange(len(shifts))], length


def merge(ratings: Ratings, queries: Queries, past_only: bool) -> tuple[RatingLog, Floats]:
    """Ratings and queries as one log whose wanted rows are the queries.

    Returns:
        the log, [R + B]; the residual of each row, 0 for a query, [R + B]
    """
    count = len(ratings.user)
    known = (ratings.user, ratings.movie, ratings.seconds)
    user, movie, seconds = map(np.concatenate, zip(known, queries, strict=True))
    _, user = np.unique(user, return_inverse=True)
    # The order of the stage encode.
    order = np.lexsort([movie, user, seconds])
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    stars, label, residual = (
        np.append(column, np.zeros(len(queries.user), column.dtype))[order]
        for column in (ratings.stars, ratings.label, ratings.residual)
    )
    log = RatingLog(
        user=user[order],
        movie=movie[order],
        stars=stars,
        label=label,
        seconds=seconds[order],
        part=np.where(order < count, TRAINING, QUERY),
        past_only=past_only,
        wanted=places[count:],
    )
    return log, residual


def group_places(*keys: Ints) -> Iterable[Ints]:
    """The places of equal keys, group after group."""
    order = np.lexsort(keys)
    changes = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
    return np.split(order, np.flatnonzero(changes) + 1) if len(order) else []


def standardise(values: Floats, fitted: tuple[float, float], cutoff: float) -> Floats:
    """Values with mean 0 and standard deviation 1, clipped at `cutoff` deviations."""
    mean, deviation = fitted
    scaled: Floats = np.clip((values - mean) / (deviation + 1e-6), -cutoff, cutoff)
    return scaled
