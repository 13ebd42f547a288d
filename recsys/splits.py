"""Which row goes to which part."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys import schemas
from recsys.errors import InputError
from recsys.outputs import replacing
from recsys.params import SplitParams
from recsys.parquet import TableWriter, count_rows, read_batches, read_column
from recsys.vocabulary import UNKNOWN

PARTS = ("train", "validation", "test")
Rows = npt.NDArray[np.intp]
# For each row the position of its part in `PARTS`.
Assignment = npt.NDArray[np.int8]


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
    return dict(zip(PARTS, np.bincount(assignment).tolist(), strict=True))


def assign_parts(ratings: Path, params: SplitParams) -> Assignment:
    """Each row's part. Raises: InputError: a part would be empty."""
    if params.method == "random":
        order = random_order(count_rows(ratings, schemas.RATINGS), params.seed)
    else:
        keys = ("movieid", "userid", "timestamp")
        order = np.lexsort([read_column(ratings, schemas.RATINGS, key) for key in keys])
    assignment = np.empty(len(order), np.int8)
    shares = (params.train, params.validation, params.test)
    for part, rows in enumerate(cut(order, shares)):
        if not len(rows):
            raise InputError(
                f"split.{PARTS[part]}: this share of {len(order)} ratings is no row; raise it"
            )
        assignment[rows] = part
    return assignment


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
