"""search.yaml: the values that a search tries."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import Field

from recsys.common.errors import InputError
from recsys.common.params import Section, parse_section, read_yaml, show, show_key
from recsys.pipeline.params import parse_params
from recsys.pipeline.recipes import Values, apply_changes
from recsys.scoring.validation import VALIDATED

Value = float | int | str | bool


class SearchParams(Section):
    """The content of search.yaml."""

    name = "search"
    metric: Annotated[str, Field(description="a column of models/history.csv")]
    direction: Literal["maximize", "minimize"]
    params: Annotated[
        dict[str, Any], Field(description="values or a range for each param", min_length=1)
    ]


@dataclass(frozen=True)
class Space:
    """What a search tries.

    Attributes:
        identity: the content of search.yaml.
        distributions: the values of each param, by its key in params.yaml.
    """

    metric: str
    direction: Literal["maximize", "minimize"]
    identity: str
    distributions: dict[str, BaseDistribution]

    def rounded(self, drawn: dict[str, Any]) -> dict[str, Value]:
        """The values of a trial, with three digits for readers, unless these leave the range."""
        values = dict(drawn)
        for name, distribution in self.distributions.items():
            if isinstance(distribution, FloatDistribution):
                short = float(f"{values[name]:.3g}")
                if distribution.low <= short <= distribution.high:
                    values[name] = short
        return values

    def examples(self) -> Iterator[dict[str, Value]]:
        """Combinations of values. Each of a list is in one, and so are the ends of each range."""
        values = {name: _some_values(d) for name, d in self.distributions.items()}
        for i in range(max(map(len, values.values()))):
            yield {name: some[i % len(some)] for name, some in values.items()}


def read_space(path: Path, params: Path = Path("params.yaml")) -> Space:
    """Read search.yaml, and check that its values can be tried.

    Args:
        params: the file with the values of the params that are not searched.

    Raises:
        InputError: a file cannot be read, or a value in it is wrong.
    """
    base = read_yaml(params)
    parse_params(base, params)
    content = parse_section(read_yaml(path), SearchParams, path)
    space = Space(
        content.metric,
        content.direction,
        json.dumps(content.model_dump(), default=str),
        {name: _parse_values(name, values, path) for name, values in content.params.items()},
    )
    for values in space.examples():
        changes: Values = {}
        for name, value in values.items():
            section, _, key = name.partition(".")
            changes.setdefault(section, {})[key] = value
        tried = apply_changes(cast("Values", base), changes)
        parse_params(tried, path)
        _check_metric(space.metric, tried["train"]["thresholds"], path)
    return space


def _parse_values(name: str, values: object, path: Path) -> BaseDistribution:
    """A list of values, or a range of integers or numbers, as Optuna describes it."""
    problem, remedy = "cannot be tried", "write a list of values, or a range with low and high"
    try:
        # Optuna warns where it changes a range whose steps do not meet its end.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if isinstance(values, list):
                remedy = "a list has numbers, texts, true or false"
                return CategoricalDistribution(values)
            if isinstance(values, dict):
                remedy = "a range has low and high, and may have step or log"
                whole = all(isinstance(values.get(key, 1), int) for key in ("low", "high", "step"))
                return IntDistribution(**values) if whole else FloatDistribution(**values)
    except (TypeError, ValueError, ArithmeticError, UserWarning) as error:
        problem = " ".join(str(error).split())
    place = f"{path}: params.{show_key(name)} = {show(values)}"
    raise InputError(f"{place}: {problem.rstrip('.')}; {remedy}")


def _some_values(distribution: BaseDistribution) -> list[Value]:
    """All values of a list, the ends of a range, and of integers the first few."""
    if isinstance(distribution, CategoricalDistribution):
        return cast("list[Value]", list(distribution.choices))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = distribution.low, distribution.high
    if isinstance(distribution, IntDistribution):
        step = distribution.step
        return [*range(int(low), int(min(high, low + 4 * step)), step), high]
    return [low, high]


def _check_metric(metric: str, thresholds: str, path: Path) -> None:
    """Raises: InputError: training does not report the metric."""
    reported = ["train_loss", *(f"validation_{name}" for name in VALIDATED[thresholds])]
    if metric not in reported:
        raise InputError(
            f"{path}: metric = {show(metric)}: must be one of {', '.join(reported)} "
            f"(train.thresholds: {thresholds})"
        )
