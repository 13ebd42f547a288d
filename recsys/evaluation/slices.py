"""Metrics of slices of the test part: by gender and by number of training ratings.

Shapes: N rows, U users, M movies, S bootstrap samples.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Floats, Ints
from recsys.evaluation.bootstrap import interval, resample
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions
from recsys.scoring.auc import Cells, weighted_aucs
from recsys.scoring.metrics import ratios
from recsys.storage.dimensions import Dimensions

ALL = "all"


class Slices(NamedTuple):
    """The slices of the rows of a part.

    Attributes:
        names: of the slices; the first is `ALL`.
        cells: the slices of each row. Each cell is in the first slice.
    """

    names: list[str]
    cells: Cells


def find_slices(
    users: Ints, movies: Ints, dimensions: Dimensions, params: EvaluateParams
) -> Slices:
    """Which slices each row of a part is in; slices may be empty.

    Args:
        users, movies: for each row of the part, the rows of its user and its movie, [N]
    """
    names, groups, cell = [ALL], [[0]], np.zeros(len(users), np.uint8)
    for family, codes, rows in _families(users, movies, dimensions, params):
        numbers = [*range(len(names), len(names) + len(family)), -1]
        groups = [[*others, number] for others in groups for number in numbers]
        cell = cell * len(numbers) + codes.astype(np.uint8)[rows]
        names += family
    return Slices(names, Cells(cell, np.array(groups, np.int32), len(names)))


def _families(
    users: Ints, movies: Ints, dimensions: Dimensions, params: EvaluateParams
) -> Iterator[tuple[list[str], Ints, Ints]]:
    """Slices that share no rows: their names, and the rows of the part in a table.

    Between them, the slice of each row of the table, or the number of slices for none.
    """
    if "gender" in dimensions.tables["users"].column_names:
        gender = dimensions.tables["users"]["gender"].to_numpy()
        yield ["women", "men"], np.select([gender == 0, gender == 1], [0, 1], 2), users
    for noun, rows, (few, many) in (
        ("user", users, params.user_steps),
        ("movie", movies, params.movie_steps),
    ):
        ranges = (f"under {few} training ratings", f"{few} to {many - 1}", f"{many} or more")
        counts = dimensions.training_ratings[f"{noun}s"]
        names = [f"{noun}s with {each}" for each in ranges]
        yield names, np.searchsorted([few, many], counts, side="right"), rows


def resample_slices(
    predictions: Predictions, slices: Slices, samples: int, seed: int
) -> dict[str, Floats]:
    """AUC of each slice with rows: of the data, then of bootstrap samples of users, [1 + S] each.

    Args:
        samples, seed: as for `resample`.
    """
    ranked, users, cells = predictions.ranked, predictions.ranked_users, slices.cells
    by_rank = cells._replace(cell=cells.cell[ranked.order])
    found = resample(
        lambda weights: {"auc": weighted_aucs(ranked, by_rank, users, weights)},
        predictions.users,
        samples,
        seed,
    )["auc"]
    rows = _sum_cells(np.bincount(cells.cell, minlength=len(cells.groups)), cells)
    return {name: found[at] for at, name in enumerate(slices.names) if rows[at]}


def metrics_by_slice(
    predictions: Predictions, slices: Slices, params: EvaluateParams
) -> list[dict[str, object]]:
    """AUC of each slice and of all rows, with a 95 % bootstrap interval, and RMSE in stars.

    Empty slices are left out, and so are slices without an AUC because all labels are equal.

    Args:
        slices: of the rows of the predictions.

    Returns:
        records of slice, rows, positive_rate, auc, the ends low and high of its interval, and rmse
        if the predictions have stars
    """
    cells = slices.cells
    sums = predictions.sums(cells.cell, len(cells.groups), params.threshold)
    totals = {name: _sum_cells(column, cells) for name, column in sums.items()}
    metrics = ratios(totals)
    records: list[dict[str, object]] = []
    for name, aucs in resample_slices(predictions, slices, params.bootstrap, params.seed).items():
        if np.isnan(aucs[0]):
            continue
        at = slices.names.index(name)
        low, high = interval(aucs)
        record: dict[str, object] = {
            "slice": name,
            "rows": int(totals["rows"][at]),
            "positive_rate": round(float(metrics["positive_rate"][at]), 4),
            "auc": round(float(aucs[0]), 5),
            # JSON has no nan.
            "low": None if np.isnan(low) else round(low, 5),
            "high": None if np.isnan(high) else round(high, 5),
        }
        if "rmse" in metrics:
            record["rmse"] = round(float(metrics["rmse"][at]), 5)
        records.append(record)
    return records


def _sum_cells(values: Floats | Ints, cells: Cells) -> Floats:
    """The sum over the cells of each slice, from a value of each cell."""
    inside = cells.groups[:, :, None] == np.arange(cells.number)
    sums: Floats = values @ inside.any(1)
    return sums
