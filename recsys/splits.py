"""Which row goes to which part."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.errors import InputError
from recsys.params import SplitParams
from recsys.vocabulary import UNKNOWN

PARTS = ("train", "validation", "test")
Rows = npt.NDArray[np.intp]


def split_ratings(ratings: pd.DataFrame, params: SplitParams) -> dict[str, pd.DataFrame]:
    """Cut the ratings into train, validation and test, every row in exactly one.

    The parts have the columns of `schemas.PART` and keep the order of the rows. A user or movie
    without a row in the training part has index 0, "unknown", in the others.

    Raises:
        InputError: a part would be empty.
    """
    if params.method == "random":
        order = random_order(ratings, params.seed)
    else:
        order = chronological_order(ratings)
    shares = (params.train, params.validation, params.test)
    ratings = ratings.assign(user_row=ratings["userid"] - 1, movie_row=ratings["movieid"] - 1)
    parts = {}
    for part, rows in zip(PARTS, cut(order, shares), strict=True):
        if not len(rows):
            raise InputError(
                f"split.{part}: this share of {len(ratings)} ratings is no row at all; raise it"
            )
        parts[part] = ratings.iloc[np.sort(rows)]
    for part in PARTS[1:]:
        parts[part] = mark_unknown(parts[part], parts["train"])
    return parts


def random_order(ratings: pd.DataFrame, seed: int) -> Rows:
    return np.random.default_rng(seed).permutation(len(ratings))


def chronological_order(ratings: pd.DataFrame) -> Rows:
    """By time, then user, then movie."""
    keys = ("movieid", "userid", "timestamp")
    return np.lexsort([ratings[key] for key in keys])


def cut(order: Rows, shares: tuple[float, ...]) -> list[Rows]:
    """Consecutive pieces of an order; the ends are rounded, so nothing is lost or doubled."""
    ends = np.rint(np.cumsum(shares) * len(order)).astype(int)
    return np.split(order, ends[:-1])


def mark_unknown(part: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    known = {key: part[key].isin(train[key].unique()) for key in ("userid", "movieid")}
    return part.assign(**{key: part[key].where(known[key], UNKNOWN) for key in known})
