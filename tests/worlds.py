"""Small sets of ratings as the features see them."""

from dataclasses import replace

import numpy as np

from recsys.features.visibility import Facts

USERS, MOVIES, RATINGS = 12, 30, 240


def make_facts(causal: bool, seed: int = 0) -> Facts:
    """Ratings in the order of time, several in a second; each pair once; labels by chance."""
    random = np.random.default_rng(seed)
    user, movie = np.divmod(random.choice(USERS * MOVIES, RATINGS, replace=False), MOVIES)
    stars = random.integers(1, 6, RATINGS).astype(float)
    seconds = np.sort(random.integers(10**9, 10**9 + 100, RATINGS))
    part = np.arange(RATINGS) // (RATINGS // 10) - 7
    part = np.maximum(part if causal else random.permutation(part), 0)
    return Facts(user, movie, stars, (stars > 3).astype(np.int8), seconds, part, causal)


def with_stars(facts: Facts, rows: np.ndarray, stars: np.ndarray) -> Facts:
    """The same ratings but for these opinions."""
    changed = facts.stars.copy()
    changed[rows] = stars
    return replace(facts, stars=changed, label=(changed > 3).astype(np.int8))


def make_genres(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((MOVIES, 4)) < 0.4


def make_years(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1930, 2000, MOVIES)
