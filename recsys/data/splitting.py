"""Which row goes to which part."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.common.atomic import replacing
from recsys.common.errors import InputError
from recsys.data.params import SplitParams
from recsys.storage import schemas
from recsys.storage.parquet import TableWriter, read_batches, read_column
from recsys.storage.vocabulary import UNKNOWN

PARTS = ("train", "validation", "test")
Rows = npt.NDArray[np.intp]
# For each row the position of its part in `PARTS`, or `NO_PART`.
Assignment = npt.NDArray[np.int8]
NO_PART = -1


def split_file(ratings: Path, params: SplitParams, folder: Path) -> dict[str, int]:
    """Write a part's rows to `folder`/PART.parquet, in the order and columns of `schemas.PART`.

    The rows pass through in pieces; in memory as a whole are their order and single columns. A
    user or movie without a row in the training part has index 0, "unknown", in the others.

    Returns:
        the rows of each part.

    Raises:
        InputError: a part would be empty.
    """
    assignment = assign_parts(ratings, params)
    known = {key: known_ids(ratings, assignment, key) for key in ("userid", "movieid")}
    with ExitStack() as stack:
        paths = [stack.enter_context(replacing(folder / f"{name}.parquet")) for name in PARTS]
        writers = [stack.enter_context(TableWriter(path, schemas.PART)) for path in paths]
        start = 0
        for batch in read_batches(ratings, schemas.RATINGS, schemas.RATINGS.names):
            frame = refer(batch.to_pandas(), known)
            parts = assignment[start : start + len(frame)]
            for part, writer in enumerate(writers):
                writer.write(frame[parts == part])
            start += len(frame)
    return {name: int((assignment == part).sum()) for part, name in enumerate(PARTS)}


def assign_parts(ratings: Path, params: SplitParams) -> Assignment:
    """Each row's part.

    Args:
        ratings: a file in the order of time, as `schemas.RATINGS` says.

    Raises:
        InputError: a part would be empty.
    """
    userids = read_column(ratings, schemas.RATINGS, "userid")
    assignment = np.full(len(userids), NO_PART, np.int8)
    rows = eligible_rows(userids, params.min_history)
    if params.method == "leave_last":
        assignment[rows] = leave_last(userids[rows])
    else:
        if params.method == "random":
            rows = rows[random_order(len(rows), params.seed)]
        shares = (params.train, params.validation, params.test)
        for part, members in enumerate(cut(rows, shares)):
            assignment[members] = part
    for part, name in enumerate(PARTS):
        if not (assignment == part).any():
            raise InputError(
                f"split.{name}: this share of {len(rows)} ratings is no row; raise it, or lower "
                f"split.min_history (now {params.min_history})"
            )
    return assignment


def eligible_rows(userids: npt.NDArray[np.generic], min_history: int) -> Rows:
    """Those whose user has at least so many rows before."""
    if not min_history:
        return np.arange(len(userids))
    before, _ = count_neighbours(userids)
    return np.flatnonzero(before >= min_history)


def leave_last(userids: npt.NDArray[np.generic]) -> Assignment:
    """Test: each user's last row; validation: the one before; nothing of users with two rows."""
    before, after = count_neighbours(userids)
    return np.where(before + after < 2, 0, np.maximum(2 - after, 0)).astype(np.int8)


def count_neighbours(userids: npt.NDArray[np.generic]) -> tuple[Rows, Rows]:
    """For each row of ratings in the order of time, its user's rows before and after it, [N]."""
    order = np.argsort(userids, kind="stable")
    counts = np.bincount(userids)
    starts = np.cumsum(counts) - counts
    before = np.empty(len(userids), np.intp)
    before[order] = np.arange(len(userids)) - starts[userids[order]]
    return before, counts[userids] - before - 1


def known_ids(ratings: Path, assignment: Assignment, key: str) -> npt.NDArray[np.bool_]:
    """By index, whether it occurs in the training part."""
    ids = read_column(ratings, schemas.RATINGS, key)
    known = np.zeros(int(ids.max()) + 1, bool)
    known[ids[assignment == 0]] = True
    return known


def refer(ratings: pd.DataFrame, known: dict[str, npt.NDArray[np.bool_]]) -> pd.DataFrame:
    """Add the rows of the users and the movies, and make indices that are not known 0."""
    rows = {"user_row": ratings["userid"] - 1, "movie_row": ratings["movieid"] - 1}
    ids = {key: ratings[key].where(known[key][ratings[key]], UNKNOWN) for key in known}
    return ratings.assign(**rows, **ids)


def random_order(count: int, seed: int) -> Rows:
    return np.random.default_rng(seed).permutation(count)


def cut(order: Rows, shares: tuple[float, ...]) -> list[Rows]:
    """Consecutive pieces of an order; the ends are rounded, so nothing is lost or doubled."""
    ends = np.rint(np.cumsum(shares) * len(order)).astype(int)
    return np.split(order, ends[:-1])
