"""The predictions of a Gaussian process by the textbook formulas, one matrix a user.

Rasmussen & Williams 2006, "Gaussian Processes for Machine Learning", chapter 2.
"""

import numpy as np

from recsys.features.posterior import GaussianProcess

DAY = 86_400


def covariances(process: GaussianProcess, movie: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The covariances of one user's opinions, [n, n]."""
    factors = process.factors[movie]
    days = np.abs(seconds[:, None] - seconds) / DAY
    lasting, fading = process.lasting, np.exp(-days / process.fading_days)
    matrix = factors @ factors.T * (lasting + (1 - lasting) * fading)
    for variance, duration in process.moods:
        matrix += variance * np.exp(-days / duration)
    return matrix


def predict_rows(
    process: GaussianProcess,
    user: np.ndarray,
    movie: np.ndarray,
    seconds: np.ndarray,
    values: np.ndarray,
    observed: np.ndarray,
    past_only: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """What recsys.features.kalman.predict_rows promises: mean and deviation of each row, [N]."""
    mean, variance = process.mean[movie].astype(float), np.empty(len(user))
    for one in np.unique(user):
        rows = np.flatnonzero(user == one)
        total = covariances(process, movie[rows], seconds[rows]) + process.noise * np.eye(len(rows))
        residual = values[rows] - process.mean[movie[rows]]
        for place, row in enumerate(rows):
            visible = observed[rows] & (np.arange(len(rows)) != place)
            if past_only:
                visible &= seconds[rows] < seconds[row]
            across = total[place, visible]
            weights = np.linalg.solve(total[np.ix_(visible, visible)], across)
            mean[row] += weights @ residual[visible]
            variance[row] = total[place, place] - weights @ across
    return mean, np.sqrt(variance)
