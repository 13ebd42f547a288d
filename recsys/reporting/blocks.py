"""What a report is made of, whether it becomes HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple


class Share(float):
    """A cell: a part of a whole, in [0, 1]."""


class Verdict(Enum):
    """A cell: what a difference of two runs is."""

    BETTER = "better"
    WORSE = "worse"
    NOISE = "within noise"


class Delta(NamedTuple):
    """A cell: a difference, and what it is; None: that is not known, or there is no better."""

    value: float
    verdict: Verdict | None = None


class Interval(NamedTuple):
    """A cell: the ends of the interval of a difference."""

    low: float
    high: float


@dataclass(frozen=True)
class Table:
    """Cells are text, numbers, `Share`s, `Delta`s, `Interval`s, `Verdict`s or None."""

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

    @property
    def differs(self) -> bool:
        """Whether the revisions that it draws have other points, or there is only one of them."""
        points: dict[str, list[dict[str, Any]]] = {}
        for row in self.spec["data"]["values"]:
            others = {name: value for name, value in row.items() if name != "rev"}
            points.setdefault(row["rev"], []).append(others)
        first, *rest = points.values()
        return not rest or any(other != first for other in rest)


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
