"""The predictions and lists of two runs, for the same rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recsys.common.errors import InputError
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.slices import Mask, find_slices
from recsys.reporting.runs.run import PREDICTIONS, RECOMMENDATIONS, Run
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.parquet import read_batches, read_column, read_metadata, read_parquet

ENCODED, SPLIT = Path("data/encoded"), Path("data/split")
# The columns of the predictions that say which ratings were predicted.
ROWS = ["raw_userid", "raw_movieid", "rating", "label"]
# What the lists of recommendations have to share, and how a message names it.
SHARED = {
    "ids": "users and movies",
    "split": "test part",
    "top": "ranking.top",
    "relevant": "ranking.relevant",
}


def pair_predictions(
    olds: list[Run], news: list[Run]
) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """The predictions of both runs for the same ratings, for each seed.

    Raises:
        InputError: a file is missing, or the runs have other test parts. So are runs of older
            versions that predicted stars alone.
    """
    if not all("auc" in run.metrics for run in (*olds, *news)):
        raise InputError("a run without AUC predicted stars alone, so they cannot be paired")
    before, after = (
        [_read_predictions(run.find(PREDICTIONS)) for run in runs] for runs in (olds, news)
    )
    if not all(table[ROWS].equals(after[0][ROWS]) for table in (*before, *after)):
        raise InputError("the runs have other test parts or other likes, so they cannot be paired")
    return before, after


def _read_predictions(path: Path) -> pd.DataFrame:
    # Without stars, the file has no such column, and Arrow leaves it out.
    names = [*ROWS, "score", "stars"]
    table: pd.DataFrame = pa.Table.from_batches(read_batches(path, None, names)).to_pandas()
    return table


def pair_slices(
    predictions: pd.DataFrame, params: EvaluateParams, project: Path
) -> dict[str, Mask]:
    """The rows of each slice in the predictions.

    Raises:
        InputError: the files behind it are missing, or they are of another run.
    """
    dimensions = Dimensions.load(project / ENCODED, project / SPLIT / "counts")
    part = project / SPLIT / "test.parquet"
    user, movie = (read_column(part, schemas.PART, name) for name in ("user", "movie"))
    ids = dimensions.raw_ids("users")[user], dimensions.raw_ids("movies")[movie]
    if not all(map(np.array_equal, ids, (predictions[name] for name in ROWS[:2]))):
        raise InputError(f"{part} is not what was predicted; run `dvc checkout`")
    return find_slices(user, movie, dimensions, params)


def pair_lists(olds: list[Run], news: list[Run]) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """The lists of recommendations with each seed, old and new, for the same people.

    Raises:
        InputError: a file is missing, or the lists are of other people.
    """
    olds_files, news_files = ([run.find(RECOMMENDATIONS) for run in runs] for runs in (olds, news))
    own, *others = (read_metadata(file) for file in (*news_files, *olds_files))
    differ = [
        name for key, name in SHARED.items() if any(o.get(key) != own.get(key) for o in others)
    ]
    if differ:
        raise InputError(f"the runs differ in {' and '.join(differ)}, so they cannot be paired")
    before, after = (
        [read_parquet(file, schemas.RECOMMENDATIONS).to_pandas() for file in files]
        for files in (olds_files, news_files)
    )
    if not all(table["user"].equals(after[0]["user"]) for table in (*before, *after)):
        raise InputError("the lists are of other people, so they cannot be paired")
    return before, after
