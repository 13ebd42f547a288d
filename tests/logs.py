"""Small rating logs for tests of the features."""

from dataclasses import replace

import numpy as np

from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.visibility import RatingLog
from recsys.pipeline.params import load_params
from tests.conftest import PARAMS

USERS, MOVIES, RATINGS = 12, 30, 240
STATISTICS = load_params(PARAMS)[StatisticsParams]
GAUSSIAN_PROCESS = load_params(PARAMS)[GaussianProcessParams]


def make_log(past_only: bool, seed: int = 0) -> RatingLog:
    """Random ratings in the order of time, several in the same second, no pair twice."""
    random = np.random.default_rng(seed)
    user, movie = np.divmod(random.choice(USERS * MOVIES, RATINGS, replace=False), MOVIES)
    stars = random.integers(1, 6, RATINGS).astype(float)
    seconds = np.sort(random.integers(10**9, 10**9 + 100, RATINGS))
    part = np.arange(RATINGS) // (RATINGS // 10) - 7
    part = np.maximum(part if past_only else random.permutation(part), 0)
    return RatingLog(user, movie, stars, (stars > 3).astype(np.int8), seconds, part, past_only)


def with_stars(log: RatingLog, rows: np.ndarray, stars: np.ndarray) -> RatingLog:
    """The same ratings with different stars in some rows."""
    changed = log.stars.copy()
    changed[rows] = stars
    return replace(log, stars=changed, label=(changed > 3).astype(np.int8))


def make_genres(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((MOVIES, 4)) < 0.4


def make_years(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1930, 2000, MOVIES)
