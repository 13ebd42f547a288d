"""What a report is made of, whether it becomes HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Share(float):
    """A cell: a part of a whole, in [0, 1]."""


class Delta(NamedTuple):
    """A cell: a difference, and whether it is an improvement; None: it is neither."""

    value: float
    better: bool | None = None


@dataclass(frozen=True)
class Table:
    """Cells are text, numbers, `Share`s, `Delta`s or None."""

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
