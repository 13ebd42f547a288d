"""What a user's ratings say about the user's opinions of all movies, at any time.

A user's opinions are one draw from a Gaussian process over movies and time. The covariance of two
opinions has two terms. The first is the similarity of the movies, which fades in part with the time
between the two ratings. The second is the user's moods, which pass with time:

    cov(i, j) = v_i . v_j (lasting + (1 - lasting) exp(-|t_i - t_j| / fading_days))
                + sum over moods of variance exp(-|t_i - t_j| / days)

This is the covariance of a linear state-space model (Hartikainen & Sarkka 2010, "Kalman filtering
and smoothing solutions to temporal Gaussian process regression models"). The state holds K tastes
that last, K tastes that fade and a number for each mood. An opinion is [v, v, 1, ..., 1] . state, and
a rating is the opinion with noise. So a new rating is an update of the state, whatever came before.

Every exported artifact holds a copy of this file, so it imports NumPy alone.

Shapes: M movies, K factors, S = 2 K + moods numbers of the state, B movies to predict.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger]

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Process:
    """The parameters of the Gaussian process.

    Attributes:
        mean: each movie's damped mean of the target, [M]
        factors: the factors v of the movies, [M, K]
        noise: the variance of a rating around the opinion.
        moods: (variance, days) of each mood.
        lasting: the share of a taste that lasts.
        fading_days: the days after which the other share has fallen to 37 %.
    """

    mean: Floats
    factors: Floats
    noise: float
    moods: tuple[tuple[float, float], ...]
    lasting: float
    fading_days: float

    @cached_property
    def variances(self) -> Floats:
        """The variance of each number of the state before any rating, [S]."""
        count = self.factors.shape[1]
        tastes = np.repeat([self.lasting, 1 - self.lasting], count)
        return np.append(tastes, [variance for variance, _ in self.moods])

    @cached_property
    def rates(self) -> Floats:
        """How fast each number of the state fades, a second, [S]."""
        count = self.factors.shape[1]
        days = np.append(np.repeat([np.inf, self.fading_days], count), [d for _, d in self.moods])
        return 1 / (days * SECONDS_PER_DAY)

    def observe(self, movies: Ints) -> Floats:
        """The weights of the state in the opinions of some movies, [B, S]."""
        factors = self.factors[movies]
        return np.hstack([factors, factors, np.ones((len(factors), len(self.moods)))])


class Posterior:
    """The state of one user, as far as the ratings say that were absorbed."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.mean = np.zeros(len(process.variances))
        self.covariance = np.diag(process.variances)
        self.seconds: int | None = None

    def absorb(self, movie: int, seconds: int, value: float) -> None:
        """Take in a rating, which is not earlier than the last one.

        Args:
            seconds: its time, in seconds since 1970.
            value: the stars or the label, whatever the process is about.
        """
        self.mean, self.covariance = self._at(seconds)
        self.seconds = seconds
        (weights,) = self.process.observe(np.array([movie]))
        gain = self.covariance @ weights
        variance = weights @ gain + self.process.noise
        surprise = value - self.process.mean[movie] - weights @ self.mean
        self.mean = self.mean + gain * (surprise / variance)
        self.covariance = self.covariance - np.outer(gain, gain / variance)

    def predict(self, movies: Ints, seconds: int) -> tuple[Floats, Floats]:
        """Predict what the user would rate some movies, at a time after the last rating.

        Returns:
            the mean and the standard deviation of each prediction, [B]
        """
        mean, covariance = self._at(seconds)
        weights = self.process.observe(movies)
        variance = ((weights @ covariance) * weights).sum(1) + self.process.noise
        return self.process.mean[movies] + weights @ mean, np.sqrt(variance)

    def _at(self, seconds: int) -> tuple[Floats, Floats]:
        """The mean, [S], and the covariance, [S, S], of the state at a time."""
        if self.seconds is None:
            return self.mean, self.covariance
        decay = np.exp((self.seconds - seconds) * self.process.rates)
        covariance = self.covariance * np.multiply.outer(decay, decay)
        covariance[np.diag_indices_from(covariance)] += self.process.variances * (1 - decay**2)
        return self.mean * decay, covariance
