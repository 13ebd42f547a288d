"""The difference of two runs in each metric, with an interval over resampled users and seeds.

Both runs predict the same rows, so each bootstrap sample weighs the rows of both alike (paired
bootstrap; Efron & Tibshirani 1993). A user who is hard to predict is hard for both runs. This noise
cancels, so the interval of the difference is narrower than the intervals of the two metrics.

Where both runs were trained with several seeds, a metric is its mean over the seeds, and the
interval includes the variance between seeds (Bouthillier et al. 2021, arXiv 2103.03098). With a
single seed this variance is unknown, and the interval covers the users alone.

Shapes: N rows of the test part, U people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from recsys.evaluation.bootstrap import resample
from recsys.evaluation.curves import weighted_calibration_error
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.slices import Mask
from recsys.scoring.metrics import (
    Array,
    WeightedMetric,
    Weights,
    weighted_auc,
    weighted_classification,
    weighted_grouped_auc,
    weighted_mean,
    weighted_regression,
)

# 400 samples give the standard deviation to 4 %. Quantiles would need many more.
RESAMPLES, SEED = 400, 1
# The probability that an interval misses the true difference.
LEVEL = 0.05
# The metrics of a person's list of recommendations.
RANKING = ("ndcg", "recall", "hit_rate", "mrr")


@dataclass(frozen=True)
class Difference:
    """New minus old of a metric.

    Attributes:
        value: nan if the metric is not defined.
        users_error: its standard error over resampled users.
        seeds_error: its standard error over training seeds; 0 where a run has a single one.
        freedom: Welch's degrees of freedom of `seeds_error`.
    """

    value: float
    users_error: float
    seeds_error: float = 0.0
    freedom: float = 1.0

    @property
    def low(self) -> float:
        return self.value - self.margin()

    @property
    def high(self) -> float:
        return self.value + self.margin()

    def margin(self, level: float = LEVEL) -> float:
        """Half the width of the interval that misses the true value with probability `level`."""
        covered = 1 - level / 2
        # Users and seeds are independent, so their variances add up.
        return float(
            np.hypot(
                ndtri(covered) * self.users_error, stdtrit(self.freedom, covered) * self.seeds_error
            )
        )

    def is_significant(self, level: float = LEVEL) -> bool:
        """Whether 0 lies outside of the interval."""
        return abs(self.value) > self.margin(level)


def significant_by_holm(differences: Mapping[str, Difference], level: float = LEVEL) -> set[str]:
    """The differences that are significant together.

    Holm's step-down procedure (1979) keeps the probability of one or more false findings at most at
    `level`, however the differences depend on each other.
    """
    found: set[str] = set()
    remaining = {name: d for name, d in differences.items() if not np.isnan(d.value)}
    while remaining:
        each = level / len(remaining)
        name = max(remaining, key=lambda n: abs(remaining[n].value) - remaining[n].margin(each))
        if not remaining.pop(name).is_significant(each):
            break
        found.add(name)
    return found


def compare(
    old: Sequence[WeightedMetric], new: Sequence[WeightedMetric], users: Array
) -> Difference:
    """The difference of two means over training seeds, of the same metric of the same rows.

    Args:
        old, new: for each seed, a function of the rows' weights.
        users: the user of each row, [N]
    """

    def difference(weights: Weights) -> float:
        before, after = (np.mean([metric(weights) for metric in run]) for run in (old, new))
        return float(after - before)

    ones = np.ones(len(users))
    value = difference(ones)
    if np.isnan(value):
        return Difference(np.nan, np.nan)
    users_error = float(np.nanstd(resample(difference, users, RESAMPLES, SEED)))
    before, after = ([metric(ones) for metric in run] for run in (old, new))
    return Difference(value, users_error, *seeds_error(before, after))


def seeds_error(old: Sequence[float], new: Sequence[float]) -> tuple[float, float]:
    """Standard error of a difference of two means over seeds, and its degrees of freedom.

    By Welch (1947), because the variance between seeds may differ between the runs. (0, 1) where a
    run has a single seed.

    Args:
        old, new: the metric with each seed.
    """
    if min(len(old), len(new)) < 2:
        return 0.0, 1.0
    variances = [np.var(values, ddof=1) / len(values) for values in (old, new)]
    total = sum(variances)
    if not total:
        return 0.0, 1.0
    pairs = zip(variances, (old, new), strict=True)
    freedom = total**2 / sum(variance**2 / (len(values) - 1) for variance, values in pairs)
    return float(np.sqrt(total)), float(freedom)


def compare_predictions(
    old: Sequence[pd.DataFrame],
    new: Sequence[pd.DataFrame],
    params: tuple[EvaluateParams, EvaluateParams],
) -> dict[str, Difference]:
    """The difference of two runs in each metric that both have of their predictions.

    Args:
        old, new: for each training seed, a table with the columns of `schemas.predictions`; they
            differ in `score` and `stars` alone.
        params: the section `evaluate` of the old run and of the new run.
    """
    users = pd.factorize(new[0]["raw_userid"])[0]
    before, after = (
        [weighted_metrics(table, section) for table in tables]
        for tables, section in zip((old, new), params, strict=True)
    )
    return {
        name: compare([m[name] for m in before], [m[name] for m in after], users)
        for name in after[0]
        if name in before[0]
    }


def compare_slices(
    old: Sequence[pd.DataFrame],
    new: Sequence[pd.DataFrame],
    slices: Mapping[str, Mask],
) -> dict[str, Difference]:
    """The difference in AUC of all rows and of each slice that has some.

    Args:
        old, new: as for `compare_predictions`.
        slices: the rows of each slice, [N] each
    """
    users = pd.factorize(new[0]["raw_userid"])[0]
    found = {}
    for name, mask in {"all": np.ones(len(users), bool), **slices}.items():
        if mask.any():
            before, after = (
                [
                    weighted_auc(t["label"][mask].to_numpy(), t["score"][mask].to_numpy())
                    for t in tables
                ]
                for tables in (old, new)
            )
            found[name] = compare(before, after, users[mask])
    return found


def compare_lists(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame]
) -> dict[str, Difference]:
    """The difference of two runs in each metric of their lists of recommendations.

    Args:
        old, new: for each training seed, a table with the columns of `schemas.RECOMMENDATIONS`, of
            the same people, [U]
    """
    users = new[0]["user"].to_numpy()
    found = {}
    for name in RANKING:
        before, after = (
            [weighted_mean(table[name].to_numpy()) for table in tables] for tables in (old, new)
        )
        found[name] = compare(before, after, users)
    return found


def weighted_metrics(
    predictions: pd.DataFrame, params: EvaluateParams
) -> dict[str, WeightedMetric]:
    """The metrics of `evaluate`, as functions of the rows' weights.

    Args:
        predictions: a table with the columns of `schemas.predictions`.
    """
    columns = {name: predictions[name].to_numpy() for name in predictions}
    labels, scores = columns["label"], columns["score"]
    found = weighted_classification(labels, scores, params.threshold) | {
        "grouped_auc": weighted_grouped_auc(labels, scores, columns["raw_userid"]),
        "calibration_error": weighted_calibration_error(labels, scores, params.calibration_bins),
    }
    if "stars" in columns:
        found |= weighted_regression(columns["rating"], columns["stars"])
    return found
