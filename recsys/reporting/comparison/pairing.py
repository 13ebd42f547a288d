"""The predictions and lists of two runs, for the same rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recsys.common.errors import InputError
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions
from recsys.evaluation.slices import Slices, find_slices
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
) -> tuple[list[Predictions], list[Predictions]]:
    """The predictions of both runs for the same ratings, for each seed.

    Raises:
        InputError: a file is missing, or the runs have other test parts. So are runs of older
            versions that predicted stars alone.
    """
    if not all("auc" in run.metrics for run in (*olds, *news)):
        raise InputError("a run without AUC predicted stars alone, so they cannot be paired")
    before, after = ([run.find(PREDICTIONS) for run in runs] for runs in (olds, news))
    rows = _read_columns(after[0], ROWS)
    if not all(_read_columns(file, ROWS).equals(rows) for file in (*before, *after[1:])):
        raise InputError("the runs have other test parts or other likes, so they cannot be paired")
    shared = Predictions(
        pd.factorize(rows["raw_userid"].to_pandas())[0].astype(np.int32),
        rows["rating"].to_numpy(),
        rows["label"].to_numpy(),
        np.empty(0, np.float32),
    )
    old, new = ([_read_answers(file, shared) for file in files] for files in (before, after))
    return old, new


def _read_columns(path: Path, names: list[str]) -> pa.Table:
    # A column that the file does not have is left out.
    return pa.Table.from_batches(read_batches(path, None, names))


def _read_answers(path: Path, rows: Predictions) -> Predictions:
    answers = _read_columns(path, ["score", "stars"])
    return replace(rows, **{name: answers[name].to_numpy() for name in answers.column_names})


def pair_slices(predictions: Path, params: EvaluateParams, project: Path) -> Slices:
    """The slices of each row of the predictions.

    Args:
        predictions: a file with the columns of `schemas.predictions`.

    Raises:
        InputError: the files behind it are missing, or they are of another run.
    """
    dimensions = Dimensions.load(project / ENCODED, project / SPLIT / "counts")
    part = project / SPLIT / "test.parquet"
    user, movie = (read_column(part, schemas.PART, name) for name in ("user", "movie"))
    found = _read_columns(predictions, ROWS[:2])
    for table, rows, name in (("users", user, ROWS[0]), ("movies", movie, ROWS[1])):
        if not np.array_equal(dimensions.raw_ids(table)[rows], found[name].to_numpy()):
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
