"""Files of what describes each rating of a part besides its tables."""

import json
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.data.params import SplitParams
from recsys.data.splitting import PARTS
from recsys.features.histories import HISTORIES, History, find_history
from recsys.features.statistics import Statistics
from recsys.features.visibility import Facts, read_facts
from recsys.storage import schemas
from recsys.storage.parquet import read_parquet, write_parquet
from recsys.storage.registry import FeatureParams
from recsys.storage.vocabulary import UNKNOWN

log = logging.getLogger(__name__)

# Standard deviations beyond which a statistic is cut off: what is rarer teaches nothing.
FARTHEST = 5
# Of a movie whose title names no year.
USUAL_YEAR = 1990


def describe_parts(
    encoded: Path, split: SplitParams, params: FeatureParams, folder: Path
) -> list[str]:
    """Write `folder`/PART.parquet and the logs `folder`/liked.parquet and disliked.parquet.

    And `folder`/features.json with what was asked for; where that is nothing, no more.

    Returns:
        the columns.
    """
    asked = {"statistics": params.statistics, "histories": params.histories}
    (folder / "features.json").write_text(json.dumps(asked) + "\n")
    if not params.statistics and not params.histories:
        return []
    facts = read_facts(encoded / "ratings.parquet", split)
    if not facts.causal and params.statistics and "userid" in params.sparse:
        log.warning(
            "features.sparse: a model that knows the user learns from a mean without the row which "
            "label is missing, and is worse on other rows: leave userid out, or split by time"
        )
    statistics = standardise(compute_statistics(encoded, facts, params), facts)
    histories = {
        name: find_history(facts, HISTORIES[name], params.history_length)
        for name in params.histories
    }
    for name, history in histories.items():
        entries = pd.DataFrame({"movieid": known_movies(facts)[history.rows]})
        write_parquet(entries, folder / f"{name}.parquet", schemas.LOG)
    schema = schemas.features(list(statistics), params.histories)
    for part, name in enumerate(PARTS):
        rows = np.flatnonzero(facts.part == part)
        frame = pd.DataFrame({column: values[rows] for column, values in statistics.items()})
        write_parquet(
            frame.assign(**stretches(histories, rows)), folder / f"{name}.parquet", schema
        )
    return list(schema.names)


def compute_statistics(
    encoded: Path, facts: Facts, params: FeatureParams
) -> dict[str, npt.NDArray[np.float64]]:
    movies = read_parquet(encoded / "movies.parquet", schemas.MOVIES).to_pandas()
    genres = np.zeros((len(movies), 1 + max(max(g, default=0) for g in movies["genres"])), bool)
    for movie, codes in enumerate(movies["genres"]):
        genres[movie, codes] = True
    years = movies["year"].fillna(USUAL_YEAR).to_numpy(int)
    return Statistics(facts, genres, years).compute(params.statistics)


def standardise(
    columns: dict[str, npt.NDArray[np.float64]], facts: Facts
) -> dict[str, npt.NDArray[np.float32]]:
    """Each column with mean 0 and deviation 1 over the training part."""
    result = {}
    for name, values in columns.items():
        training = values[facts.training]
        scaled = (values - training.mean()) / (training.std() + 1e-6)
        result[name] = np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)
    return result


def known_movies(facts: Facts) -> npt.NDArray[np.int32]:
    """Each rating's movie by index; "unknown" where the training part has none of it, [N]."""
    known = np.zeros(int(facts.movie.max()) + 1, bool)
    known[facts.movie[facts.training]] = True
    return np.where(known[facts.movie], facts.movie + 1, UNKNOWN).astype(np.int32)


def stretches(
    histories: dict[str, History], rows: npt.NDArray[np.intp]
) -> dict[str, npt.NDArray[np.int32]]:
    columns: dict[str, npt.NDArray[np.int32]] = {}
    for name, history in histories.items():
        columns |= history.columns(name, rows)
    return columns
