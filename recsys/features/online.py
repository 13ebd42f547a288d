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
        log, residual, wanted = merge(ratings, queries, self.fitted.past_only)
        movies = np.zeros((len(MovieSums._fields), len(residual)))
        movies[:, wanted] = np.stack(self.sum_movies(log.movie[wanted], log.seconds[wanted]))
        statistics = Statistics(
            log, residual, MovieSums(*movies), self.fitted.catalogue, self.fitted.constants
        )
        columns: dict[str, Floats] = {}
        for group in self.fitted.groups:
            if group in GROUPS:
                found = GROUPS[group](statistics)
                columns |= {name: values[wanted] for name, values in found.items()}
            else:
                mean, deviation = self.predict_opinions(group, log, wanted)
                columns |= {group: mean, f"{group}_deviation": deviation}
        dense = np.empty((len(wanted), len(columns)), np.float32)
        for place, (name, values) in enumerate(columns.items()):
            dense[:, place] = standardise(
                values, self.fitted.standardisation[name], self.fitted.cutoff
            )
        return Features(
            dense, {name: self._histories(name, log, wanted) for name in self.fitted.histories}
        )

    def sum_movies(self, movie: Ints, seconds: Ints) -> MovieSums:  # noqa: ARG002
        """Sums over the ratings of movies that are visible at some times, [B] each."""
        return MovieSums(*(sums[movie] for sums in self.fitted.movies))

    def predict_opinions(self, group: str, log: RatingLog, wanted: Ints) -> tuple[Floats, Floats]:
        """The mean and the standard deviation of the predicted opinions of some rows, [B] each.

        Raises:
            ValueError: the split is random, and a query is not later than the ratings of its user.
        """
        target = getattr(log, OPINIONS[group]).astype(float)
        mean, deviation = np.empty(len(wanted)), np.empty(len(wanted))
        for places in group_places(log.user[wanted], log.seconds[wanted]):
            user, seconds = log.user[wanted[places[0]]], log.seconds[wanted[places[0]]]
            known = log.observed & (log.user == user)
            if log.past_only:
                known &= log.seconds < seconds
            elif (log.seconds[known] >= seconds).any():
                raise ValueError("a model of a random split scores times after the last rating")
            posterior = UserPosterior(self.fitted.processes[group])
            rows = np.flatnonzero(known)
            posterior.absorb_earlier(log.movie[rows], target[rows], log.seconds[rows], seconds)
            mean[places], deviation[places] = posterior.predict(log.movie[wanted[places]])
        return mean, deviation

    def _histories(self, name: str, log: RatingLog, wanted: Ints) -> tuple[Ints, Ints]:
        history = find_history(log, HISTORIES[name], self.fitted.history_length)
        start, length = history.start[wanted], history.length[wanted]
        shifts = np.repeat(start - (np.cumsum(length) - length), length)
        return history.movies[shifts + np.arange(len(shifts))], length


def merge(ratings: Ratings, queries: Queries, past_only: bool) -> tuple[RatingLog, Floats, Ints]:
    """Ratings and queries as one log.

    Returns:
        the log, [R + B]; the residual of each row, 0 for a query, [R + B]; the row of each query,
        [B]
    """
    count, wanted = len(ratings.user), len(queries.user)
    user, movie, seconds = (
        np.concatenate([known, asked])
        for known, asked in zip(
            (ratings.user, ratings.movie, ratings.seconds), queries, strict=True
        )
    )
    # The order of the stage encode.
    order = np.lexsort([movie, user, seconds])
    _, compact = np.unique(user, return_inverse=True)
    columns = (
        np.concatenate([known, np.zeros(wanted, known.dtype)])[order]
        for known in (ratings.stars, ratings.label, ratings.residual)
    )
    stars, label, residual = columns
    part = np.where(order < count, TRAINING, QUERY)
    log = RatingLog(compact[order], movie[order], stars, label, seconds[order], part, past_only)
    places = np.empty(len(order), np.intp)
    places[order] = np.arange(len(order))
    return log, residual, places[count:]


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
