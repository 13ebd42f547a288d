"""The content of metrics/test.json next to another."""

import json
from typing import NamedTuple

from recsys.reporting.blocks import Delta

Number = float | int | None
HIGHER_IS_BETTER = {"auc", "accuracy", "grouped_auc"}
LOWER_IS_BETTER = {"log_loss", "normalized_entropy", "calibration_error", "rmse", "mae"}


class Change(NamedTuple):
    """Of a metric; None: there was or is none."""

    name: str
    old: Number
    new: Number

    @property
    def delta(self) -> Delta | None:
        if self.old is None or self.new is None:
            return None
        value = self.new - self.old
        if not value or self.name not in HIGHER_IS_BETTER | LOWER_IS_BETTER:
            return Delta(value)
        return Delta(value, (value > 0) == (self.name in HIGHER_IS_BETTER))


def numbers(text: str | None) -> dict[str, Number]:
    """The metrics of a file's text, without the slices."""
    content = json.loads(text or "{}")
    return {name: value for name, value in content.items() if not isinstance(value, list)}


def slices(text: str | None) -> list[dict[str, object]]:
    """The records of the slices in a file's text."""
    records: list[dict[str, object]] = json.loads(text or "{}").get("slices", [])
    return records


def changes(old: str | None, new: str | None) -> list[Change]:
    """All metrics of two files' texts, in the order of the new one."""
    before, after = numbers(old), numbers(new)
    return [Change(name, before.get(name), after.get(name)) for name in {**after, **before}]
