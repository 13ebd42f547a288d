"""Split the ratings into the training, validation and test parts."""

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.data.params import SplitParams
from recsys.storage import schemas
from recsys.storage.lineage import Lineage, digest
from recsys.storage.parquet import TableWriter, read_batches
from recsys.storage.schemas import PARTS

Rows = npt.NDArray[np.intp]
Ints = npt.NDArray[np.integer]
# For each rating, the position of its part in `PARTS`, or `NO_PART`.
Assignment = npt.NDArray[np.int8]
NO_PART = -1


def write_parts(ratings: Path, assignment: Assignment, folder: Path, lineage: Lineage) -> None:
    """Write each part to `folder`/PART.parquet, with the columns and row order of `schemas.PART`.

    The ratings are read and written in pieces.
    """
    metadata = lineage.to_metadata()
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic_write(folder / f"{name}.parquet")) for name in PARTS]
        writers = [stack.enter_context(TableWriter(path, schemas.PART, metadata)) for path in paths]
        start = 0
        for batch in read_batches(ratings, schemas.RATINGS, schemas.RATINGS.names):
            frame = batch.to_pandas()
            frame.insert(0, "row", np.arange(start, start + len(frame), dtype=np.int32))
            parts = assignment[start : start + len(frame)]
            for part, writer in enumerate(writers):
                writer.write(frame[parts == part])
            start += len(frame)


def describe_split(assignment: Assignment, params: SplitParams, ids: str) -> Lineage:
    """The lineage of the files of a split."""
    return Lineage(ids, digest(assignment), past_only=params.follows_time)


def assign_parts(users: Ints, params: SplitParams) -> Assignment:
    """Choose the part of each rating.

    Args:
        users: the user of each rating, in the order of time, [N]

    Returns:
        the part of each rating, [N]

    Raises:
        InputError: a part would be empty.
    """
    assignment = np.full(len(users), NO_PART, np.int8)
    rows = eligible_rows(users, params.min_history)
    if params.method == "leave_last":
        assignment[rows] = leave_last(users[rows])
    else:
        if params.method == "random":
            rows = rows[random_order(len(rows), params.seed)]
        shares = (params.train, params.validation, params.test)
        for part, members in enumerate(cut(rows, shares)):
            assignment[members] = part
    for part, name in enumerate(PARTS):
        if not (assignment == part).any():
            raise InputError(
                f"split.{name}: this share of {len(rows)} ratings is empty; raise it, or lower "
                f"split.min_history (now {params.min_history})"
            )
    return assignment


def require_times(seconds: Ints, params: SplitParams) -> None:
    """Check that a split by time has times to follow.

    Args:
        seconds: the time of each rating, [N]

    Raises:
        InputError: all ratings have the same time.
    """
    if params.follows_time and len(seconds) and seconds.min() == seconds.max():
        raise InputError(
            f"split.method = {params.method}: all ratings have the same time, so there is no past "
            "and no future; set split.method to random, or give the times of the ratings"
        )


def describe_cuts(seconds: Ints, assignment: Assignment, params: SplitParams) -> list[str]:
    """Say where a chronological split cuts between ratings of the same second.

    Args:
        seconds: the time of each rating, ascending, [N]
    """
    if params.method != "chronological":
        return []
    notes = []
    for part, following in pairwise(range(len(PARTS))):
        before, after = seconds[assignment == part], seconds[assignment == following]
        if before[-1] == after[0]:
            second = before[-1]
            notes.append(
                f"the cut between {PARTS[part]} and {PARTS[following]} is inside one second, "
                f"{pd.Timestamp(int(second), unit='s')} UTC: {(before == second).sum():,} of its "
                f"ratings are before the cut and {(after == second).sum():,} after it"
            )
    return notes


def eligible_rows(users: Ints, min_history: int) -> Rows:
    """The rows whose user has at least `min_history` earlier rows."""
    if not min_history:
        return np.arange(len(users))
    before, _ = count_neighbours(users)
    return np.flatnonzero(before >= min_history)


def leave_last(users: Ints) -> Assignment:
    """Put each user's last row in the test part, and the row before it in the validation part.

    All other rows are in the training part, and so are all rows of a user with fewer than three.
    """
    before, after = count_neighbours(users)
    return np.where(before + after < 2, 0, np.maximum(2 - after, 0)).astype(np.int8)


def count_neighbours(users: Ints) -> tuple[Rows, Rows]:
    """Count the rows of the same user before and after each row.

    Args:
        users: the user of each rating, in the order of time, [N]

    Returns:
        the numbers of rows before and after, each [N]
    """
    order = np.argsort(users, kind="stable")
    counts = np.bincount(users)
    starts = np.cumsum(counts) - counts
    before = np.empty(len(users), np.intp)
    before[order] = np.arange(len(users)) - starts[users[order]]
    return before, counts[users] - before - 1


def count_training(rows: Ints, assignment: Assignment, size: int) -> npt.NDArray[np.int32]:
    """Count the training ratings of each user, or of each movie.

    Args:
        rows: the user or the movie of each rating, [N]
        size: the number of users or of movies.

    Returns:
        [size]
    """
    return np.bincount(rows[assignment == 0], minlength=size).astype(np.int32)


def random_order(count: int, seed: int) -> Rows:
    return np.random.default_rng(seed).permutation(count)


def cut(order: Rows, shares: tuple[float, ...]) -> list[Rows]:
    """Cut an order into consecutive pieces whose ends are rounded, so each row is in one piece."""
    ends = np.rint(np.cumsum(shares) * len(order)).astype(int)
    return np.split(order, ends[:-1])
