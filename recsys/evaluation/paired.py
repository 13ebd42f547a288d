"""The difference of two runs in each metric, with an interval over resampled users and seeds.

Both runs predict the same rows, so each bootstrap sample weighs the rows of both alike (paired
bootstrap; Efron & Tibshirani 1993). A user who is hard to predict is hard for both runs. This noise
cancels, so the interval of the difference is narrower than the intervals of the two metrics.

Where both runs were trained with several seeds, a metric is its mean over the seeds, and the
interval includes the variance between seeds (Bouthillier et al. 2021, arXiv 2103.03098). With a
single seed this variance is unknown, and the interval covers the users alone.

Shapes: U people, S bootstrap samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from recsys.common.arrays import Floats
from recsys.evaluation.bootstrap import resample, resample_means
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions, weighted_metrics
from recsys.evaluation.slices import Slices, resample_slices

# 400 samples give the standard deviation to 4 %. Quantiles would need many more.
RESAMPLES, SEED = 400, 1
# The probability that an interval misses the true difference.
LEVEL = 0.05
# Figures of the rows, which are the same for both runs.
OF_ROWS = ("positive_rate", "rows")
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


def compare(old: Sequence[Floats], new: Sequence[Floats]) -> Difference:
    """The difference of two means over training seeds, of the same metric of the same rows.

    Args:
        old, new: for each seed, the metric of the data, then of the same bootstrap samples of the
            users for all seeds and both runs, [1 + S]
    """
    before, after = (np.mean(run, axis=0) for run in (old, new))
    value, *samples = after - before
    if np.isnan(value):
        return Difference(np.nan, np.nan)
    seeds = ([values[0] for values in run] for run in (old, new))
    return Difference(float(value), float(np.nanstd(samples)), *seeds_error(*seeds))


def _compare_all(
    old: Sequence[Mapping[str, Floats]], new: Sequence[Mapping[str, Floats]]
) -> dict[str, Difference]:
    """The difference in each metric, or slice, that both runs have; for each seed, by name."""
    return {
        name: compare([seed[name] for seed in old], [seed[name] for seed in new])
        for name in new[0]
        if name in old[0]
    }


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
    old: Sequence[Predictions],
    new: Sequence[Predictions],
    params: tuple[EvaluateParams, EvaluateParams],
) -> dict[str, Difference]:
    """The difference of two runs in each metric that both have of their predictions.

    Args:
        old, new: for each training seed, the predictions of the same rows; they differ in `score`
            and `stars` alone.
        params: the section `evaluate` of the old run and of the new run.
    """
    before, after = (
        [
            resample(weighted_metrics(seed, section), seed.users, RESAMPLES, SEED)
            for seed in predictions
        ]
        for predictions, section in zip((old, new), params, strict=True)
    )
    found = _compare_all(before, after)
    return {name: found[name] for name in found if name not in OF_ROWS}


def compare_slices(
    old: Sequence[Predictions], new: Sequence[Predictions], slices: Slices
) -> dict[str, Difference]:
    """The difference in AUC of all rows and of each slice that has some.

    Args:
        old, new: as for `compare_predictions`.
        slices: of the rows.
    """
    before, after = (
        [resample_slices(seed, slices, RESAMPLES, SEED) for seed in predictions]
        for predictions in (old, new)
    )
    return _compare_all(before, after)


def compare_lists(
    old: Sequence[pd.DataFrame], new: Sequence[pd.DataFrame]
) -> dict[str, Difference]:
    """The difference of two runs in each metric of their lists of recommendations.

    Args:
        old, new: for each training seed, a table with the columns of `schemas.RECOMMENDATIONS`, of
            the same people, [U]
    """
    before, after = (
        [
            resample_means({name: seed[name].to_numpy() for name in RANKING}, RESAMPLES, SEED)
            for seed in tables
        ]
        for tables in (old, new)
    )
    return _compare_all(before, after)
