"""The features of every rating as columns, from the tables at hand.

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
    """All ratings with the part that each is in, and which run they are of.

    Args:
        ratings: the file of `schemas.RATINGS`.
        parts: the folder of the split.

    Raises:
        InputError: a file is missing, of another run, or its rows are in another order.
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
                raise InputError(f"{path}: {key} is not that of {ratings}; run `dvc repro split`")
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
    """Whether rows ascend by the keys, the first one counting most, without two equal ones."""
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
    """The statistics of some groups by column, each [N].

    Args:
        movies: with the columns of `schemas.movies()`.
    """
    if not groups:
        return {}
    listed = movies["genres"].to_pandas()
    genres = np.zeros((len(listed), 1 + max((max(g, default=0) for g in listed), default=0)), bool)
    for movie, codes in enumerate(listed):
        genres[movie, codes] = True
    years = movies["year"].to_pandas().fillna(params.usual_year).to_numpy(int)
    return Statistics(log, genres, years, params, gaussian_process).compute(groups)


def fit_standardisation(
    columns: dict[str, npt.NDArray[np.float64]], log: RatingLog
) -> Standardisation:
    """Mean and deviation of each column over the training part."""
    training = ((name, values[log.training]) for name, values in columns.items())
    return {name: (float(v.mean()), float(v.std())) for name, v in training}


def standardise(
    columns: dict[str, npt.NDArray[np.float64]], fitted: Standardisation, cutoff: float
) -> dict[str, npt.NDArray[np.float32]]:
    """Each column with mean 0 and deviation 1, cut off at `cutoff` deviations."""
    result = {}
    for name, values in columns.items():
        mean, deviation = fitted[name]
        scaled = (values - mean) / (deviation + 1e-6)
        result[name] = np.clip(scaled, -cutoff, cutoff).astype(np.float32)
    return result


def find_histories(log: RatingLog, params: FeatureParams) -> dict[str, History]:
    """The histories that params.yaml asks for, by name."""
    return {
        name: find_history(log, label, params.history_length)
        for name, label in HISTORIES.items()
        if name in params.sparse
    }


def warn_of_leaky_ids(log: RatingLog, params: FeatureParams, groups: tuple[str, ...]) -> None:
    """Statistics that leave a rating out tell a model that knows its user what was left out."""
    if groups and not log.past_only and "userid" in params.sparse:
        logger.warning(
            "features.sparse: userid beside statistics of a random split harms the model: from a "
            "user's mean without the row it learns which label was left out. Leave userid out, or "
            "split by time"
        )


def write_features(
    statistics: Mapping[str, npt.NDArray[np.float32]],
    histories: Mapping[str, History],
    fitted: Standardisation,
    log: RatingLog,
    folder: Path,
    origin: Origin,
) -> None:
    """Write the features of each part, by the same key, and the logs of the histories.

    The digest of what was fitted travels with the files, and with every model that was trained on
    them.
    """
    content = write_note(fitted, tuple(histories), folder)
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


def write_note(fitted: Standardisation, histories: tuple[str, ...], folder: Path) -> str:
    """Write features.json: what was fitted, and which histories there are. Returns: its content."""
    content = json.dumps({"standardisation": fitted, "histories": histories}, indent=2) + "\n"
    (folder / "features.json").write_text(content)
    return content
