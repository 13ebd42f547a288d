"""A Gaussian process over a user's ratings as a state-space model, and the posterior of one user.

A user's opinion of a movie is `h . x`. The state x is a draw of a stationary process in time, which
no rating changes:

- K lasting tastes, which never change;
- K fading tastes and one number a mood, each an Ornstein-Uhlenbeck process.

The prior of x is independent normals with mean 0. The observation vector h is the movie's factors
for the lasting tastes, the same factors for the fading tastes, and 1 for each mood. So the
covariance of two opinions is the kernel of recsys/features/gaussian_process.py (Hartikainen &
Sarkka 2010, "Kalman filtering and smoothing solutions to temporal Gaussian process regression
models").

This module needs NumPy alone, so that an exported model can take it along.

Shapes: M movies, K factors, S = 2 K + moods numbers in a state, n movies or ratings.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class GaussianProcess:
    """The parameters of the process.

    Attributes:
        mean: each movie's damped mean of the target, [M]
        factors: each movie's factors v, [M, K]
        noise: the variance of a rating around the opinion.
        lasting: the share of a taste's variance that lasts; the rest fades.
        fading_days: the days after which the fading share has fallen to 37 %.
        moods: (variance, days after which it has fallen to 37 %) of each mood.
    """

    mean: Floats
    factors: Floats
    noise: float
    lasting: float
    fading_days: float
    moods: tuple[tuple[float, float], ...]

    @cached_property
    def variances(self) -> Floats:
        """The prior variance of each number of the state, [S]"""
        count = self.factors.shape[1]
        shares = np.repeat([self.lasting, 1 - self.lasting], count)
        return np.append(shares, [variance for variance, _ in self.moods])

    @cached_property
    def rates(self) -> Floats:
        """The rate at which each number of the state falls to 0, 1 / seconds, [S]"""
        count = self.factors.shape[1]
        days = np.append(np.repeat([np.inf, self.fading_days], count), [d for _, d in self.moods])
        return 1 / (days * SECONDS_PER_DAY)


class UserPosterior:
    """What is known of one user's state at a moment; starts as the prior.

    Attributes:
        mean: the mean of the state, [S]
        reduction: the prior covariance less the covariance of the state, [S, S]. Time only scales
            it, because the prior is stationary.
        seconds: the moment, in seconds since 1970; None before the first one.
    """

    def __init__(self, process: GaussianProcess) -> None:
        self.process = process
        self.mean = np.zeros(len(process.variances))
        self.reduction = np.zeros((len(self.mean), len(self.mean)))
        self.seconds: int | None = None

    def advance(self, seconds: int) -> None:
        """Go to a moment, which must not be before the present one."""
        if self.seconds is not None and seconds != self.seconds:
            decay = np.exp(-self.process.rates * (seconds - self.seconds))
            self.mean *= decay
            self.reduction *= decay
            self.reduction *= decay[:, None]
        self.seconds = seconds

    def absorb(self, movie: int, value: float) -> None:
        """Learn a rating that was given at this moment: a rank-one update.

        Args:
            movie: the movie, as a row of the movies table.
            value: the rating, in the units of the target.
        """
        process = self.process
        factors = process.factors[movie]
        count = len(factors)
        observation = np.ones(len(self.mean))
        observation[:count] = observation[count : 2 * count] = factors
        covariance = process.variances * observation - self.reduction @ observation
        variance = observation @ covariance + process.noise
        innovation = value - process.mean[movie] - observation @ self.mean
        gain = covariance / variance
        self.mean += gain * innovation
        self.reduction += gain[:, None] * covariance

    def absorb_earlier(self, movie: Ints, values: Floats, seconds: Ints, now: int) -> None:
        """Learn the ratings of seconds before `now`, then go to `now`.

        Ratings of the same second are not visible to each other, because a page of several ratings
        is submitted at once.

        Args:
            movie, values, seconds: ratings in the order of time, [n]
        """
        earlier = int(np.searchsorted(seconds, now))
        for row in range(earlier):
            self.advance(int(seconds[row]))
            self.absorb(int(movie[row]), float(values[row]))
        self.advance(now)

    def predict(self, movie: Ints) -> tuple[Floats, Floats]:
        """Predict the ratings that the user would give to some movies at this moment.

        Args:
            movie: the movies, as rows of the movies table, [n]

        Returns:
            the mean and the standard deviation of each rating, [n]
        """
        process = self.process
        factors = process.factors[movie]
        count = factors.shape[1]
        covariance = np.diag(process.variances) - self.reduction
        # A movie has the same factors for lasting and fading tastes, so both add up to one taste.
        fold = np.zeros((len(self.mean), count + 1))
        fold[:count, :count] = fold[count : 2 * count, :count] = np.eye(count)
        fold[2 * count :, count] = 1
        mean, covariance = self.mean @ fold, fold.T @ covariance @ fold
        variance = ((factors @ covariance[:-1, :-1] + 2 * covariance[-1, :-1]) * factors).sum(1)
        variance += covariance[-1, -1] + process.noise
        return process.mean[movie] + factors @ mean[:-1] + mean[-1], np.sqrt(variance)
