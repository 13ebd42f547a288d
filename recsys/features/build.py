"""Compute the features of every rating, and write them as columns.

Shapes: N ratings, M movies.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from recsys.common.errors import InputError
from recsys.features.histories import HISTORIES, History, find_history
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.statistics import Statistics
from recsys.features.visibility import RatingLog
from recsys.storage import schemas
from recsys.storage.origin import Origin, digest, require_same_run
from recsys.storage.parquet import read_column, read_metadata, write_parquet
from recsys.storage.registry import FeatureParams
from recsys.storage.schemas import PARTS

logger = logging.getLogger(__name__)

Standardisation = dict[str, tuple[float, float]]


def read_log(ratings: Path, parts: Path) -> tuple[RatingLog, Origin]:
    """Read all ratings and the part of each.

    Args:
        ratings: the file of `schemas.RATINGS`.
        parts: the folder of the split.

    Returns:
        the ratings, and the digests of the files

    Raises:
        InputError: a file is missing or of a different run, or its rows are in the wrong order.
    """
    columns = {name: read_column(ratings, schemas.RATINGS, name) for name in schemas.RATINGS.names}
    user, movie, seconds = columns["user"], columns["movie"], columns["timestamp"]
    if not are_sorted(seconds, user, movie):
        raise InputError(f"{ratings} is not sorted by time, user and movie; run `dvc repro encode`")
    part = np.full(len(user), -1, np.int8)
    origin = read_metadata(ratings)
    for place, name in enumerate(PARTS):
        path = parts / f"{name}.parquet"
        metadata = read_metadata(path)
        require_same_run(path, metadata, ratings, origin)
        origin |= metadata
        rows = read_column(path, schemas.PART, "row")
        for key in ("user", "movie", "timestamp"):
            if not np.array_equal(columns[key][rows], read_column(path, schemas.PART, key)):
                raise InputError(
                    f"{path}: its column {key} differs from {ratings}; run `dvc repro split`"
                )
        part[rows] = place
    log = RatingLog(
        user=user,
        movie=movie,
        stars=columns["rating"].astype(np.float64),
        label=columns["label"],
        seconds=seconds,
        part=part,
        past_only=origin["visible"] == "earlier",
    )
    return log, origin


def are_sorted(*keys: npt.NDArray[np.generic]) -> bool:
    """Whether rows ascend by the keys, the first key first, and no two rows have equal keys."""
    ascending = np.zeros(max(len(keys[0]) - 1, 0), bool)
    for key in reversed(keys):
        before, after = key[:-1], key[1:]
        ascending = (before < after) | ((before == after) & ascending)
    return bool(ascending.all())


def compute_statistics(
    log: RatingLog,
    movies: pa.Table,
    groups: tuple[str, ...],
    params: StatisticsParams,
    gaussian_process: GaussianProcessParams,
) -> dict[str, npt.NDArray[np.float64]]:
    """Compute the columns of some groups of statistics.

    Args:
        movies: the movies table.

    Returns:
        the columns by name, each [N]
    """
    if not groups:
        return {}
    if log.seconds.min() == log.seconds.max():
        # A Gaussian process needs no times: opinions of the same time just do not fade.
        for group in set(groups) & {"recent", "time"}:
            raise InputError(
                f"features.dense: {group} needs times, but all ratings have the same time; remove "
                "it, or give the times of the ratings"
            )
    genres = [table_of_codes(column) for column in movies.columns if pa.types.is_list(column.type)]
    # Without a list of genres, every movie is of the same one.
    every = np.column_stack(genres) if genres else np.ones((len(movies), 1), bool)
    years = movies["year"].to_pandas().fillna(params.usual_year).to_numpy(int)
    return Statistics(log, every, years, params, gaussian_process).compute(groups)


def table_of_codes(lists: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Whether the list of each movie has each code, [M, codes]."""
    listed = lists.to_pandas()
    table = np.zeros((len(listed), 1 + max((max(g, default=0) for g in listed), default=0)), bool)
    for movie, codes in enumerate(listed):
        table[movie, codes] = True
    return table


def fit_standardisation(
    columns: dict[str, npt.NDArray[np.float64]], log: RatingLog
) -> Standardisation:
    """The mean and standard deviation of each column over the training part."""
    training = ((name, values[log.training]) for name, values in columns.items())
    return {name: (float(v.mean()), float(v.std())) for name, v in training}


def standardise(
    columns: dict[str, npt.NDArray[np.float64]], fitted: Standardisation, cutoff: float
) -> dict[str, npt.NDArray[np.float32]]:
    """Give each column mean 0 and standard deviation 1, and clip it at `cutoff` deviations."""
    result = {}
    for name, values in columns.items():
        mean, deviation = fitted[name]
        scaled = (values - mean) / (deviation + 1e-6)
        result[name] = np.clip(scaled, -cutoff, cutoff).astype(np.float32)
    return result


def find_histories(log: RatingLog, params: FeatureParams) -> dict[str, History]:
    """The histories that params.yaml selects, by name."""
    return {
        name: find_history(log, label, params.history_length)
        for name, label in HISTORIES.items()
        if name in params.sparse
    }


def warn_about_leaky_user_ids(
    log: RatingLog, params: FeatureParams, groups: tuple[str, ...]
) -> None:
    """Warn if leave-one-out statistics and the user id together leak the label."""
    if groups and not log.past_only and "userid" in params.sparse:
        logger.warning(
            "features.sparse: userid together with statistics of a random split harms the model: "
            "a user's mean without the row leaks the label of the row. Remove userid, or split by "
            "time"
        )


def write_features(
    statistics: Mapping[str, npt.NDArray[np.float32]],
    histories: Mapping[str, History],
    fitted: Standardisation,
    log: RatingLog,
    folder: Path,
    origin: Origin,
) -> None:
    """Write the features of each part with the part's key, and the logs of the histories.

    Every file carries the digest of the fitted values, as does every model trained on the files.
    """
    content = write_description(fitted, tuple(histories), folder)
    origin = origin | {"fitted": digest(content)}
    columns: dict[str, npt.NDArray[Any]] = dict(statistics)
    for name, history in histories.items():
        entries = pd.DataFrame({"movie": history.movies})
        write_parquet(entries, folder / f"{name}.parquet", schemas.HISTORY_LOG, origin)
        columns |= history.columns(name)
    schema = schemas.features(statistics, histories)
    for part, name in enumerate(PARTS):
        rows = np.flatnonzero(log.part == part)
        frame = pd.DataFrame({"row": rows.astype(np.int32)})
        frame = frame.assign(**{column: values[rows] for column, values in columns.items()})
        write_parquet(frame, folder / f"{name}.parquet", schema, origin)


def write_description(fitted: Standardisation, histories: tuple[str, ...], folder: Path) -> str:
    """Write features.json: the fitted values and the names of the histories.

    Returns:
        the content of the file
    """
    content = json.dumps({"standardisation": fitted, "histories": histories}, indent=2) + "\n"
    (folder / "features.json").write_text(content)
    return content
