"""Small rating logs for tests of the features."""

from dataclasses import replace

import numpy as np

from recsys.features.build import Computed, Settings, compute_features
from recsys.features.online import GP_TARGETS
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.statistics import GROUPS, Catalogue
from recsys.features.visibility import RatingLog
from recsys.pipeline.params import load_params
from recsys.storage.registry import FeatureParams
from tests.conftest import PARAMS

USERS, MOVIES, RATINGS = 12, 30, 240
STATISTICS = load_params(PARAMS)[StatisticsParams]
GAUSSIAN_PROCESS = load_params(PARAMS)[GaussianProcessParams]
LIKE_ABOVE = 3
ALL_GROUPS = (*GROUPS, *GP_TARGETS)


def make_log(past_only: bool, seed: int = 0) -> RatingLog:
    """Random ratings in the order of time, several in the same second, no pair twice."""
    random = np.random.default_rng(seed)
    user, movie = np.divmod(random.choice(USERS * MOVIES, RATINGS, replace=False), MOVIES)
    stars = random.integers(1, 6, RATINGS).astype(float)
    seconds = np.sort(random.integers(10**9, 10**9 + 100, RATINGS))
    order = np.lexsort([movie, user, seconds])
    part = np.arange(RATINGS) // (RATINGS // 10) - 7
    part = np.maximum(part if past_only else random.permutation(part), 0)
    label = (stars > LIKE_ABOVE).astype(np.int8)
    columns = (values[order] for values in (user, movie, stars, label, seconds))
    return RatingLog(*columns, part, past_only)


def with_stars(log: RatingLog, rows: np.ndarray, stars: np.ndarray) -> RatingLog:
    """The same ratings with different stars in some rows."""
    changed = log.stars.copy()
    changed[rows] = stars
    return replace(log, stars=changed, label=(changed > LIKE_ABOVE).astype(np.int8))


def visible_rows(log: RatingLog, groups: np.ndarray, row: int) -> np.ndarray:
    """The rows of its group that are visible to a row, as the docstring of `visibility` says."""
    same = groups == groups[row]
    if log.past_only:
        return np.flatnonzero(same & (log.seconds < log.seconds[row]))
    others = np.arange(len(groups)) != row
    return np.flatnonzero(same & others & log.training)


def some_rows(log: RatingLog, rows: np.ndarray) -> RatingLog:
    """Some ratings of a log."""
    columns = ("user", "movie", "stars", "label", "seconds", "part")
    return replace(log, **{name: getattr(log, name)[rows] for name in columns})


def make_catalogue(seed: int = 0) -> Catalogue:
    """Random genres and years of the movies, and of an unknown movie."""
    random = np.random.default_rng(seed)
    genres = random.random((MOVIES, 4)) < 0.4
    years = np.random.default_rng(seed).integers(1930, 2000, MOVIES)
    return Catalogue(np.pad(genres, ((0, 1), (0, 0))), np.append(years, 1990))


def compute(
    log: RatingLog, groups: tuple[str, ...] = ALL_GROUPS, catalogue: Catalogue | None = None
) -> Computed:
    """The features of all rows, with histories of at most five movies."""
    features = load_params(PARAMS)[FeatureParams].model_copy(
        update={"sparse": ("movieid", "liked", "disliked"), "history_length": 5}
    )
    settings = Settings(features, STATISTICS, GAUSSIAN_PROCESS)
    return compute_features(log, catalogue or make_catalogue(), groups, settings, LIKE_ABOVE)
