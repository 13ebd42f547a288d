"""Metrics of slices of the test part: by gender and by number of training ratings."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.evaluation.bootstrap import interval
from recsys.evaluation.params import EvaluateParams
from recsys.scoring.metrics import weighted_auc, weighted_rmse
from recsys.storage.dimensions import Dimensions

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]


def find_slices(
    users: Ints, movies: Ints, dimensions: Dimensions, params: EvaluateParams
) -> dict[str, Mask]:
    """Which rows of a part belong to each slice, by the slice's name, [N]; slices may be empty.

    Args:
        users, movies: for each row of the part, the rows of its user and its movie, [N]
    """
    slices: dict[str, Mask] = {}
    if "gender" in dimensions.tables["users"].column_names:
        gender = dimensions.tables["users"]["gender"].to_numpy()[users]
        slices = {"women": gender == 0, "men": gender == 1}
    for noun, rows, steps in (
        ("user", users, params.user_steps),
        ("movie", movies, params.movie_steps),
    ):
        counts = dimensions.training_ratings[f"{noun}s"][rows]
        few, many = steps
        slices |= {
            f"{noun}s with under {few} training ratings": counts < few,
            f"{noun}s with {few} to {many - 1}": (counts >= few) & (counts < many),
            f"{noun}s with {many} or more": counts >= many,
        }
    return slices


def metrics_by_slice(
    predictions: pd.DataFrame, slices: dict[str, Mask], resamples: int, seed: int
) -> list[dict[str, object]]:
    """AUC of each slice and of all rows, with a 95 % bootstrap interval, and RMSE in stars.

    Empty slices are left out, and so are slices without an AUC because all labels are equal.

    Args:
        predictions: a table with the columns of `schemas.predictions`.
        slices: the rows of each slice, from `find_slices`.

    Returns:
        records of slice, rows, positive_rate, auc, the ends low and high of its interval, and rmse
        if the predictions have stars
    """
    records: list[dict[str, object]] = []
    for name, mask in {"all": np.ones(len(predictions), bool), **slices}.items():
        if not mask.any():
            continue
        rows = predictions[mask]
        labels, ones = rows["label"].to_numpy(), np.ones(len(rows))
        metric = weighted_auc(labels, rows["score"].to_numpy())
        value = metric(ones)
        if np.isnan(value):
            continue
        low, high = interval(metric, rows["raw_userid"].to_numpy(), resamples, seed)
        record: dict[str, object] = {
            "slice": name,
            "rows": len(rows),
            "positive_rate": round(float(labels.mean()), 4),
            "auc": round(value, 5),
            # JSON has no nan.
            "low": None if np.isnan(low) else round(low, 5),
            "high": None if np.isnan(high) else round(high, 5),
        }
        if "stars" in rows:
            rmse = weighted_rmse(rows["rating"].to_numpy(), rows["stars"].to_numpy())
            record["rmse"] = round(rmse(ones), 5)
        records.append(record)
    return records
