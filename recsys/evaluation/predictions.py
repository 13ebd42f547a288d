"""The rows of a part with what a model predicts for them, and their metrics for weighted users.

Shapes: N rows, U users, W weights of a user.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.common.arrays import Floats, Ints, Singles
from recsys.evaluation.bootstrap import Statistics, weigh_rows, weigh_users
from recsys.evaluation.curves import group_starts
from recsys.evaluation.params import EvaluateParams
from recsys.scoring.auc import (
    Cells,
    Ranked,
    Weights,
    grouped_auc_sums,
    rank_rows,
    weighted_aucs,
)
from recsys.scoring.metrics import classification_values, ratios, regression_values, sum_rows


@dataclass(frozen=True)
class Predictions:
    """Columns of a part and of its predictions.

    Attributes:
        user: a number from 0 for each user, [N]
        rating: in stars, [N]
        label: 0 or 1, [N]
        score: the predicted probability of label 1, [N]
        stars: the predicted rating, [N]; None if the model predicts labels alone.
    """

    user: Ints
    rating: Singles
    label: Ints
    score: Singles
    stars: Singles | None = None

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def ranked(self) -> Ranked:
        """The rows by ascending score."""
        return rank_rows(self.label, self.score)

    @cached_property
    def ranked_users(self) -> Ints:
        """The user of each row of `ranked`, [N]."""
        return self.user[self.ranked.order]

    @cached_property
    def users(self) -> int:
        """One more than the largest number of a user (U)."""
        return int(self.user.max()) + 1

    def sums(self, groups: Ints, number: int, threshold: float) -> dict[str, Floats]:
        """The sums of rows behind `ratios`, as in `sum_rows`."""
        values = classification_values(threshold)
        sums = sum_rows(groups, number, values, self.label, self.score)
        if self.stars is not None:
            sums |= sum_rows(groups, number, regression_values, self.rating, self.stars)
        return sums


def weighted_metrics(predictions: Predictions, params: EvaluateParams) -> Statistics:
    """All metrics, as a function of the users' weights, [U, W].

    Returns:
        a function that returns, [W] each: the metrics of `classification_metrics` and, with stars,
        of `regression_metrics`; grouped_auc: the mean of the users' AUCs, weighted by their rows
        (`grouped_auc_sums`); calibration_error: the mean absolute difference of prediction and
        truth over groups of equal size by ascending prediction, weighted by rows (expected
        calibration error; Naeini et al. 2015). All are nan where they are not defined.
    """
    ranked, users, number = predictions.ranked, predictions.ranked_users, predictions.users
    sums = predictions.sums(predictions.user, number, params.threshold)
    sums |= grouped_auc_sums(ranked, users, number)
    # The groups of the calibration are those of the data, whatever the weights.
    starts = group_starts(len(predictions), params.calibration_bins)
    gaps = ranked.scores.astype(np.float64) - ranked.labels
    everything = Cells(np.zeros(len(gaps), np.int32), np.zeros((1, 1), np.int32), 1)

    def metrics(weights: Weights) -> dict[str, Floats]:
        weighed = weigh_users(sums, weights)
        weighed["gaps"] = weigh_rows(gaps, users, starts, weights)
        return {"auc": weighted_aucs(ranked, everything, users, weights)[0], **ratios(weighed)}

    return metrics
