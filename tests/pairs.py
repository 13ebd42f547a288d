"""Pairs of users and movies for tests, with their rows as raw ids."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from recsys.data.params import SplitParams
from recsys.data.split_files import count_parts
from recsys.data.splitting import Assignment, Pairs, assign_parts, eligible_rows, require_sizes
from recsys.data.time_cuts import count_days, count_seconds, find_cuts


def make_pairs(columns: Mapping[str, Any]) -> Pairs:
    """The pairs of a table with the columns user, movie and timestamp."""
    user, movie, seconds = (np.asarray(columns[name]) for name in ("user", "movie", "timestamp"))
    raw_ids = {"users": np.arange(user.max() + 1), "movies": np.arange(movie.max() + 1)}
    return Pairs(user, movie, seconds, raw_ids)


def assign_all(pairs: Pairs, params: SplitParams) -> Assignment:
    """The parts of the pairs of a data set with one partition."""
    seconds = pairs.seconds[eligible_rows(pairs.user, params.min_history)]
    cuts = find_cuts(params.fractions, count_days(seconds), partial(count_seconds, seconds))
    assignment = assign_parts(pairs, params, cuts)
    require_sizes(count_parts(assignment), params)
    return assignment
