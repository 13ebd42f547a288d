"""The metrics of the test part: what they mean, and those of one run beside another's."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.common.errors import InputError
from recsys.common.params import show, show_key
from recsys.reporting.blocks import Delta
from recsys.reporting.revisions import committed

PATH = Path("metrics/test.json")
Number = float | int | None


class Slice(BaseModel):
    """The record of a slice, which has its metric beside these: auc or rmse."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, Number]
    slice: str
    rows: int
    positive_rate: float
    low: Number
    high: Number


class Metrics(BaseModel):
    """The content of metrics/test.json: each metric by its name, and the list of slices."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, Number]
    slices: list[Slice] = []


# What `Metrics` accepts, as it was written.
Content = dict[str, Any]


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


def load_metrics(project: Path = Path()) -> Content:
    """The content of a project's metrics/test.json.

    Raises:
        InputError: there is none yet, or it is damaged.
    """
    path = project / PATH
    if not path.is_file():
        raise InputError(f"{path} is not there; run `dvc repro` first")
    return parse_metrics(path.read_bytes(), path)


def committed_metrics(revision: str) -> Content:
    """The metrics of a commit; none where it has no such file.

    Raises:
        InputError: the file is damaged.
    """
    return parse_metrics(committed(str(PATH), revision) or "{}", f"{PATH} of {revision}")


def parse_metrics(text: str | bytes, place: Path | str) -> Content:
    """Read the text of a metrics/test.json.

    Args:
        place: where the text is, which the error message names.

    Raises:
        InputError: it is damaged.
    """
    try:
        content: Content = json.loads(text)
        Metrics.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ": ".join([str(place), *map(show_key, first["loc"])])
        raise InputError(f"{key}: {show(first['input'])} is no metric; run `dvc repro`") from error
    # RecursionError: nested too deeply.
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{place} has merge conflicts or is damaged ({error}); run `dvc repro`"
        ) from error
    return content


def numbers(content: Content) -> dict[str, Number]:
    """The metrics, without the slices."""
    return {name: value for name, value in content.items() if not isinstance(value, list)}


def slices(content: Content) -> list[dict[str, Any]]:
    """The records of the slices."""
    records: list[dict[str, Any]] = content.get("slices", [])
    return records


def slice_metric(record: dict[str, Any]) -> str:
    """The metric of a slice's record: auc, or rmse of a regression."""
    return "auc" if "auc" in record else "rmse"


def changes(old: Content, new: Content) -> list[Change]:
    """All metrics of two runs, in the order of the new one."""
    before, after = numbers(old), numbers(new)
    return [Change(name, before.get(name), after.get(name)) for name in {**after, **before}]
