"""Pairs of users and movies for tests, with their rows as raw ids."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsys.data.splitting import Pairs


def make_pairs(columns: Mapping[str, Any]) -> Pairs:
    """The pairs of a table with the columns user, movie and timestamp."""
    user, movie, seconds = (np.asarray(columns[name]) for name in ("user", "movie", "timestamp"))
    raw_ids = {"users": np.arange(user.max() + 1), "movies": np.arange(movie.max() + 1)}
    return Pairs(user, movie, seconds, raw_ids)
