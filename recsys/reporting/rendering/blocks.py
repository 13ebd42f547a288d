"""The parts of a report, which become HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple


class Fraction(float):
    """A cell: a part of a whole, in [0, 1]."""


class Verdict(Enum):
    """A cell: whether a run is better than another in a metric.

    With one training seed, a difference beyond the noise of the users may still be noise of the
    training. So its verdict has a question mark.
    """

    BETTER = "better"
    WORSE = "worse"
    BETTER_WITH_ONE_SEED = "better?"
    WORSE_WITH_ONE_SEED = "worse?"
    NOISE = "within noise"


class Delta(NamedTuple):
    """A cell: a difference and its verdict, if it has one."""

    value: float
    verdict: Verdict | None = None


class Interval(NamedTuple):
    """A cell: the ends of the interval of a difference."""

    low: float
    high: float


@dataclass(frozen=True)
class Table:
    """Cells are text, numbers, `Fraction`s, `Delta`s, `Interval`s, `Verdict`s or None."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    text: str = ""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification that holds its data."""

    spec: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.spec["title"]["text"])


Block = Table | Chart


@dataclass(frozen=True)
class Section:
    title: str
    text: str = ""
    blocks: Sequence[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    title: str
    text: str
    sections: list[Section]
