"""What a report is made of, whether it becomes HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


class Line(NamedTuple):
    """Of a plot; a reference is what it is compared with, such as guessing."""

    name: str
    x: Points
    y: Points
    reference: bool = False


@dataclass(frozen=True)
class Plot:
    """Lines over a common x; the last is the one that is judged.

    Attributes:
        counts: whether x counts (epochs) and is not a measure.
    """

    title: str
    x_label: str
    y_label: str
    lines: list[Line]
    counts: bool = False


class Share(float):
    """A cell: a part of a whole, in [0, 1]."""


class Delta(NamedTuple):
    """A cell: a difference, and whether it is to the good; None: it is neither."""

    value: float
    better: bool | None = None


@dataclass(frozen=True)
class Table:
    """Cells are text, numbers, `Share`s, `Delta`s or None."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]


class Bar(NamedTuple):
    name: str
    value: float


@dataclass(frozen=True)
class Bars:
    title: str
    unit: str
    bars: list[Bar]


class Interval(NamedTuple):
    name: str
    low: float
    value: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Values with their intervals; the first is of everything."""

    title: str
    unit: str
    intervals: list[Interval]


Block = Plot | Table | Bars | Intervals


@dataclass(frozen=True)
class Section:
    title: str
    text: str = ""
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    title: str
    text: str
    sections: list[Section]
