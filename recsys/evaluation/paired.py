"""The difference of two runs in each metric, with an interval over resampled users.

Both runs predict the same rows, so each resample weighs both alike (paired bootstrap; Efron &
Tibshirani 1993). What makes a user hard to predict is hard for both runs, so it cancels: the
interval of the difference is much narrower than those of the two metrics.

Shapes: N rows of the test part, U people.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from recsys.evaluation.bootstrap import (
    WeightedMetric,
    Weights,
    interval,
    weighted_auc,
    weighted_mean,
    weighted_ratio,
    weighted_rmse,
)
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.slices import Mask
from recsys.tasks.metrics import Array, auc_of_groups

RESAMPLES, SEED = 200, 1
# The metrics of a person's list of recommendations.
RANKING = ("ndcg", "recall", "hit_rate", "mrr")


class Difference(NamedTuple):
    """New minus old, and the ends of its 95 % interval; nan if it is not defined."""

    value: float
    low: float
    high: float


def compare(old: WeightedMetric, new: WeightedMetric, users: Array) -> Difference:
    """The difference of two metrics of the same rows.

    Args:
        old, new: functions of the rows' weights.
        users: the user of each row, [N]
    """

    def difference(weights: Weights) -> float:
        return new(weights) - old(weights)

    value = difference(np.ones(len(users)))
    resamples = 0 if np.isnan(value) else RESAMPLES
    return Difference(value, *interval(difference, users, resamples, SEED))


def compare_predictions(
    task: str, old: pd.DataFrame, new: pd.DataFrame, params: tuple[EvaluateParams, EvaluateParams]
) -> dict[str, Difference]:
    """The difference of two runs in each metric of their predictions.

    Args:
        task: classification or regression.
        old, new: tables with the columns of `schemas.predictions`, which differ in `score` alone.
        params: those of the old and of the new run.
    """
    users = pd.factorize(new["raw_userid"])[0]
    before, after = (
        weighted_metrics(task, table, section)
        for table, section in zip((old, new), params, strict=True)
    )
    return {name: compare(before[name], after[name], users) for name in after}


def compare_slices(
    task: str, old: pd.DataFrame, new: pd.DataFrame, slices: Mapping[str, Mask]
) -> dict[str, Difference]:
    """The difference in AUC (of a regression, RMSE) of all rows and of each slice that has some.

    Args:
        task, old, new: as for `compare_predictions`.
        slices: the rows of each slice, [N] each
    """
    users = pd.factorize(new["raw_userid"])[0]
    target, metric = (
        ("label", weighted_auc) if task == "classification" else ("rating", weighted_rmse)
    )
    found = {}
    for name, mask in {"all": np.ones(len(new), bool), **slices}.items():
        if mask.any():
            before, after = (
                metric(table[target].to_numpy()[mask], table["score"].to_numpy()[mask])
                for table in (old, new)
            )
            found[name] = compare(before, after, users[mask])
    return found


def compare_lists(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, Difference]:
    """The difference of two runs in each metric of their lists of recommendations.

    Args:
        old, new: tables with the columns of `schemas.RECOMMENDATIONS`, of the same people, [U]
    """
    return {
        name: compare(
            weighted_mean(old[name].to_numpy()),
            weighted_mean(new[name].to_numpy()),
            new["user"].to_numpy(),
        )
        for name in RANKING
    }


def weighted_metrics(
    task: str, predictions: pd.DataFrame, params: EvaluateParams
) -> dict[str, WeightedMetric]:
    """The metrics of `evaluate`, as functions of the rows' weights.

    Args:
        predictions: a table with the columns of `schemas.predictions`.
    """
    labels, ratings, scores = (
        predictions[name].to_numpy() for name in ("label", "rating", "score")
    )
    if task == "regression":
        return {
            "rmse": weighted_rmse(ratings, scores),
            "mae": weighted_mean(np.abs(scores.astype(np.float64) - ratings)),
            "calibration_error": weighted_calibration_error(
                ratings, scores, params.calibration_bins
            ),
        }
    loss = weighted_log_loss(labels, scores)
    return {
        "auc": weighted_auc(labels, scores),
        "accuracy": weighted_mean((scores > params.threshold) == labels),
        "log_loss": loss,
        "normalized_entropy": lambda weights: float(loss(weights) / _entropy(labels, weights)),
        "grouped_auc": weighted_grouped_auc(labels, scores, predictions["raw_userid"].to_numpy()),
        "calibration_error": weighted_calibration_error(labels, scores, params.calibration_bins),
    }


def weighted_log_loss(labels: Array, scores: Array) -> WeightedMetric:
    """The mean negative log likelihood of labels 0 and 1, in nats."""
    least = np.finfo(np.float64).eps
    right = np.where(labels == 1, scores, 1 - scores.astype(np.float64))
    return weighted_mean(-np.log(np.clip(right, least, 1)))


def weighted_grouped_auc(labels: Array, scores: Array, groups: Array) -> WeightedMetric:
    """The mean of the groups' AUCs. All rows of a group must have the same weight."""
    table = auc_of_groups(labels, scores, groups)["auc"].reindex(groups)
    return weighted_ratio(table.fillna(0).to_numpy(), table.notna().to_numpy())


def weighted_calibration_error(actual: Array, predicted: Array, bins: int) -> WeightedMetric:
    """The distance of prediction and truth over groups that are of equal size without weights."""
    order = np.argsort(predicted, kind="stable")
    gaps = (predicted.astype(np.float64) - actual)[order]
    starts = np.cumsum([0, *(len(g) for g in np.array_split(order, min(bins, len(order))))])[:-1]

    def metric(weights: Weights) -> float:
        total = weights.sum()
        sums = np.add.reduceat(weights[order] * gaps, starts)
        return float(np.abs(sums).sum() / total) if total else np.nan

    return metric


def _entropy(labels: Array, weights: Weights) -> float:
    """That of the base rate, in nats; nan if a class has no weight."""
    rate = weighted_mean(labels)(weights)
    return -rate * np.log(rate) - (1 - rate) * np.log1p(-rate) if 0 < rate < 1 else np.nan
