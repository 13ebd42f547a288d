"""The metrics of the test part: what they mean, and those of one run beside another's."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.common.errors import InputError
from recsys.common.params import show, show_key
from recsys.reporting.blocks import Delta, Interval, Verdict
from recsys.reporting.revisions import committed

PATH, RANKING = Path("metrics/test.json"), Path("metrics/ranking.json")
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


class Ranking(BaseModel):
    """The content of metrics/ranking.json: each metric by its name, and more about some of them.

    Attributes:
        popular: metrics of the most popular movies.
        intervals: the ends of the 95 % interval of a metric.
        gaps: metrics of the people whose last rating is so long ago, where the split follows time.
    """

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, Number | list[Any] | dict[str, Any]]
    popular: dict[str, Number] = {}
    intervals: dict[str, list[Number]] = {}
    gaps: dict[str, dict[str, Number]] = {}


# What `Metrics` or `Ranking` accepts, as it was written.
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
    "people": Metric("people of the test part who are recommended movies"),
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


class Change(NamedTuple):
    """A metric in two runs; None: the run has no value of it.

    Attributes:
        interval: that of the difference, if both runs' predictions are known.
    """

    name: str
    old: Number
    new: Number
    interval: Interval | None = None

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
        higher = METRICS.get(self.name, Metric("")).higher_is_better
        if self.interval is None or higher is None:
            return None
        low, high = self.interval
        if low <= 0 <= high:
            return Verdict.NOISE
        return Verdict.BETTER if (low > 0) == higher else Verdict.WORSE


def load_metrics(project: Path = Path()) -> Content:
    """The content of a project's metrics/test.json.

    Raises:
        InputError: there is none yet, or it is damaged.
    """
    path = project / PATH
    if not path.is_file():
        raise InputError(f"{path} is not there; run `dvc repro` first")
    return parse_metrics(path.read_bytes(), path)


def load_ranking(project: Path = Path()) -> Content:
    """The content of a project's metrics/ranking.json; nothing where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = project / RANKING
    return parse_metrics(path.read_bytes(), path, Ranking) if path.is_file() else {}


def committed_metrics(revision: str) -> Content:
    """The metrics of a commit; none where it has no such file.

    Raises:
        InputError: the file is damaged.
    """
    return parse_metrics(committed(str(PATH), revision) or "{}", f"{PATH} of {revision}")


def committed_ranking(revision: str) -> Content:
    """The ranking metrics of a commit; none where it has no such file.

    Raises:
        InputError: the file is damaged.
    """
    text = committed(str(RANKING), revision) or "{}"
    return parse_metrics(text, f"{RANKING} of {revision}", Ranking)


def parse_metrics(
    text: str | bytes, place: Path | str, model: type[BaseModel] = Metrics
) -> Content:
    """Read the text of a metrics/test.json, or of a file that another model describes.

    Args:
        place: where the text is, which the error message names.

    Raises:
        InputError: it is damaged.
    """
    try:
        content: Content = json.loads(text)
        model.model_validate(content)
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
    """The metrics of the whole run, without slices, intervals and other details."""
    return {name: value for name, value in content.items() if not isinstance(value, list | dict)}


def slices(content: Content) -> list[dict[str, Any]]:
    """The records of the slices."""
    records: list[dict[str, Any]] = content.get("slices", [])
    return records


def slice_metric(record: dict[str, Any]) -> str:
    """The metric of a slice's record: auc, or rmse of a regression."""
    return "auc" if "auc" in record else "rmse"


def slice_scores(content: Content) -> dict[str, Number]:
    """The metric of each slice, by the slice's name."""
    return {record["slice"]: record.get(slice_metric(record)) for record in slices(content)}


def average(runs: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """Each metric's mean over runs that have the metrics of the first; None where one lacks it."""
    return {name: _mean([run.get(name) for run in runs]) for name in runs[0]}


def _mean(values: list[Number]) -> Number:
    # So counts stay whole, and the metric of one run stays what it is.
    if all(value == values[0] for value in values):
        return values[0]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def changes(old: dict[str, Number], new: dict[str, Number]) -> list[Change]:
    """All metrics of two runs, in the order of the new one."""
    return [Change(name, old.get(name), new.get(name)) for name in {**new, **old}]
