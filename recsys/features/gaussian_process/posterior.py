"""A Gaussian process over a user's ratings as a state-space model, and the posterior of one user.

A user's noise-free rating of a movie, less the movie's mean, is `h . x`. The state x is a draw of a
stationary process in time, which no rating changes:

- K lasting factors, which never change;
- K fading factors and one number a mood, each an Ornstein-Uhlenbeck process.

The prior of x is independent normals. The prior mean of the lasting factors is linear in what the
user rated, whatever the stars; the other means are 0. The observation vector h is the movie's
factors for the lasting factors, the same for the fading factors, and 1 for each mood. So the
covariance of two ratings is the kernel of recsys/features/gaussian_process/folds.py (Hartikainen &
Sarkka 2010, "Kalman filtering and smoothing solutions to temporal Gaussian process regression
models").

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: M movies, K factors, S = 2 K + moods numbers in a state, n movies or ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.common.arrays import Floats, Ints

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class GaussianProcess:
    """The parameters of the process.

    Attributes:
        mean: each movie's damped mean of the target, [M]
        factors: each movie's factors v, [M, K]
        noise: the variance of a rating around the noise-free rating.
        lasting: the fraction of a factor's variance that lasts; the rest fades.
        fading_days: the days after which the fading part has fallen to 37 %.
        moods: (variance, days after which it has fallen to 37 %) of each mood.
        prior_mean: the prior mean of the lasting factors of a user without ratings, [K]
        prior_shifts: what each rated movie adds to it, times the square root of the number of
            rated movies, [M, K]
    """

    mean: Floats
    factors: Floats
    noise: float
    lasting: float
    fading_days: float
    moods: Sequence[tuple[float, float]]
    prior_mean: Floats
    prior_shifts: Floats

    @cached_property
    def variances(self) -> Floats:
        """The prior variance of each number of the state, [S]"""
        factors = np.repeat([self.lasting, 1 - self.lasting], self.factors.shape[1])
        return np.append(factors, [variance for variance, _ in self.moods])

    @cached_property
    def rates(self) -> Floats:
        """The rate at which each number of the state falls to 0, 1 / seconds, [S]"""
        count = self.factors.shape[1]
        days = np.append(np.repeat([np.inf, self.fading_days], count), [d for _, d in self.moods])
        return 1 / (days * SECONDS_PER_DAY)


class UserPosterior:
    """The normal distribution of one user's state, given the ratings so far: a Kalman filter.

    Attributes:
        mean: the mean of the state if its prior mean were 0, [S]
        shifts, count: the sum of `prior_shifts` over the ratings, [K], and the number of ratings.
            The prior mean moves with each rating, so the predictions add its effect.
        reduction: the prior covariance less the covariance of the state, [S, S]. Time only scales
            it, because the prior is stationary.
        seconds: the time of the state, in seconds since 1970; None before the first rating.
    """

    def __init__(self, process: GaussianProcess) -> None:
        self.process = process
        self.mean = np.zeros(len(process.variances))
        self.reduction = np.zeros((len(self.mean), len(self.mean)))
        self.seconds: int | None = None
        self.shifts = np.zeros_like(process.prior_mean)
        self.count = 0

    def predict_to(self, seconds: int) -> None:
        """Predict the state at a time, which must not be before the present one."""
        if self.seconds is not None and seconds != self.seconds:
            decay = np.exp(-self.process.rates * (seconds - self.seconds))
            self.mean *= decay
            self.reduction *= decay
            self.reduction *= decay[:, None]
        self.seconds = seconds

    def update(self, movie: int, value: float) -> None:
        """Condition the state on a rating at its time: a rank-one update.

        Args:
            movie: a row of the movies table.
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
        self.shifts += process.prior_shifts[movie]
        self.count += 1

    def filter_until(self, movie: Ints, values: Floats, seconds: Ints, as_of: int) -> None:
        """Update with the ratings of seconds before `as_of`, then predict to `as_of`.

        Args:
            movie, values, seconds: ratings in the order of time, [n]
        """
        for row in range(int(np.searchsorted(seconds, as_of))):
            self.predict_to(int(seconds[row]))
            self.update(int(movie[row]), float(values[row]))
        self.predict_to(as_of)

    def predict_ratings(self, movie: Ints) -> tuple[Floats, Floats]:
        """The mean and the standard deviation of ratings at the state's time, [n] each.

        Args:
            movie: the movies, as rows of the movies table, [n]
        """
        process = self.process
        factors = process.factors[movie]
        count = factors.shape[1]
        covariance = np.diag(process.variances) - self.reduction
        # The gain of the prior mean of the lasting factors is covariance / prior variance.
        prior_mean = process.prior_mean + self.shifts / np.sqrt(max(self.count, 1))
        mean = self.mean + covariance[:, :count] @ (prior_mean / process.lasting)
        # A movie has the same factors for the lasting and the fading part, so both add up.
        fold = np.zeros((len(self.mean), count + 1))
        fold[:count, :count] = fold[count : 2 * count, :count] = np.eye(count)
        fold[2 * count :, count] = 1
        mean, covariance = mean @ fold, fold.T @ covariance @ fold
        variance = ((factors @ covariance[:-1, :-1] + 2 * covariance[-1, :-1]) * factors).sum(1)
        variance += covariance[-1, -1] + process.noise
        return process.mean[movie] + factors @ mean[:-1] + mean[-1], np.sqrt(variance)
