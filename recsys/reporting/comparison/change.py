"""A metric in two runs, and the verdict on its difference."""

from collections.abc import Sequence
from typing import NamedTuple

from recsys.reporting.rendering.blocks import Delta, Interval, Verdict
from recsys.reporting.runs.metrics import Number


class Metric(NamedTuple):
    meaning: str
    higher_is_better: bool | None = None


METRICS = {
    "auc": Metric("area under the ROC curve", True),
    "accuracy": Metric("share of right answers at `evaluate.threshold`", True),
    "log_loss": Metric("mean negative log likelihood, in nats", False),
    "normalized_entropy": Metric("log loss, divided by that of the base rate", False),
    "positive_rate": Metric("share of likes"),
    "rows": Metric("ratings"),
    "grouped_auc": Metric("mean of the users' AUCs, weighted by their ratings", True),
    "calibration_error": Metric(
        "mean distance of prediction and outcome in groups of equal size", False
    ),
    "best_possible_auc": Metric("AUC of the probabilities that the ratings were drawn with"),
    "rmse": Metric("root mean squared error, in stars", False),
    "mae": Metric("mean absolute error, in stars", False),
    "people": Metric("people of the test part who are recommended movies"),
    "eligible_people": Metric("people of the test part with a relevant movie"),
    "top": Metric("movies in a list"),
    "ndcg": Metric("discounted gain of the list, divided by that of the best list", True),
    "recall": Metric("share of a person's relevant movies that is in the list", True),
    "hit_rate": Metric("share of the lists with a relevant movie", True),
    "mrr": Metric("mean of 1 / place of the first relevant movie", True),
    "coverage": Metric("share of the movies that is in a list"),
    "popularity": Metric("mean training ratings of a recommended movie"),
    "novelty": Metric("mean of -log2 of its share of all training ratings"),
    "overlap": Metric("mean share of a list that another person's list has too"),
}


def meaning(name: str) -> str:
    """The meaning of a metric; empty for an unknown one."""
    return METRICS[name].meaning if name in METRICS else ""


class Change(NamedTuple):
    """A metric in two runs.

    Attributes:
        old, new: None where the run has no value.
        interval: the 95 % interval of the difference, if both runs' predictions are known.
        significant: whether the difference is more than noise.
        several_seeds: whether both runs were trained with several seeds, so that the interval
            includes the noise of training.
    """

    name: str
    old: Number
    new: Number
    interval: Interval | None = None
    significant: bool = False
    several_seeds: bool = False

    @property
    def row(self) -> tuple[object, ...]:
        """The cells of a table: name, old, new, difference, its interval and its verdict."""
        return self.name, self.old, self.new, self.delta, self.interval, self.verdict

    @property
    def delta(self) -> Delta | None:
        if self.old is None or self.new is None:
            return None
        return Delta(self.new - self.old, self.verdict)

    @property
    def verdict(self) -> Verdict | None:
        """None without an interval, and where neither direction is better."""
        higher = METRICS[self.name].higher_is_better if self.name in METRICS else None
        if self.interval is None or higher is None:
            return None
        if not self.significant:
            return Verdict.NOISE
        if (sum(self.interval) > 0) == higher:
            return Verdict.BETTER if self.several_seeds else Verdict.BETTER_WITH_ONE_SEED
        return Verdict.WORSE if self.several_seeds else Verdict.WORSE_WITH_ONE_SEED


def average(runs: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """Each metric's mean over runs that have the metrics of the first; None where one lacks it."""
    return {name: _mean([run.get(name) for run in runs]) for name in runs[0]}


def _mean(values: list[Number]) -> Number:
    # Counts stay integers, and a single run keeps its value.
    if all(value == values[0] for value in values):
        return values[0]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
