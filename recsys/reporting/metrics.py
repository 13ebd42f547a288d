"""The metrics of the test part: what they mean, and those of one run beside another's."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from recsys.common.errors import InputError
from recsys.reporting.blocks import Delta

PATH = Path("metrics/test.json")
Number = float | int | None


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
}


class Change(NamedTuple):
    """A metric in two runs; None: the run has no value of it."""

    name: str
    old: Number
    new: Number

    @property
    def delta(self) -> Delta | None:
        if self.old is None or self.new is None:
            return None
        difference = self.new - self.old
        higher = METRICS.get(self.name, Metric("")).higher_is_better
        return Delta(
            difference, None if higher is None or not difference else (difference > 0) == higher
        )


def workspace_metrics() -> str:
    """The text of metrics/test.json. Raises: InputError: there is none yet."""
    if not PATH.is_file():
        raise InputError(f"{PATH} is not there; run `dvc repro` first")
    return PATH.read_text()


def numbers(text: str | None) -> dict[str, Number]:
    """The metrics in a file's text, without the slices."""
    content = json.loads(text or "{}")
    return {name: value for name, value in content.items() if not isinstance(value, list)}


def slices(text: str | None) -> list[dict[str, Any]]:
    """The records of the slices in a file's text."""
    records: list[dict[str, Any]] = json.loads(text or "{}").get("slices", [])
    return records


def slice_metric(record: dict[str, Any]) -> str:
    """The metric of a slice's record: auc, or rmse of a regression."""
    return "auc" if "auc" in record else "rmse"


def changes(old: str | None, new: str | None) -> list[Change]:
    """All metrics of two files' texts, in the order of the new one."""
    before, after = numbers(old), numbers(new)
    return [Change(name, before.get(name), after.get(name)) for name in {**after, **before}]
