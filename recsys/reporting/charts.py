"""Blocks as SVG, in colours that the page's style gives."""

import math
from collections.abc import Callable, Iterator
from html import escape

import numpy as np

from recsys.reporting.blocks import Bars, Intervals, Line, Plot
from recsys.reporting.text import shown

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 10, 38
ROW = 22
# Of a letter at the page's size in drawings, on the safe side.
LETTER = 6.4
Scale = Callable[[float], float]


def plot_svg(plot: Plot) -> str:
    """The lines over axes; the names of the lines are the page's to tell."""
    x_low, x_high = _limits([line.x for line in plot.lines])
    y_low, y_high = _limits([line.y for line in plot.lines])
    if not plot.counts:
        margin = 0.04 * (y_high - y_low)
        y_low, y_high = y_low - margin, y_high + margin
    x, y = _scale(x_low, x_high, LEFT, WIDTH - RIGHT), _scale(y_low, y_high, HEIGHT - BOTTOM, TOP)
    bottom, middle = HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
    parts = []
    for value in ticks(y_low, y_high):
        parts.append(_line("grid", LEFT, y(value), WIDTH - RIGHT, y(value)))
        parts.append(_text(f"{value:g}", LEFT - 6, y(value) + 4, "end"))
    for value in ticks(x_low, x_high, whole=plot.counts):
        parts.append(_line("grid", x(value), TOP, x(value), bottom))
        parts.append(_text(f"{value:g}", x(value), bottom + 15, "middle"))
    parts.append(_text(plot.x_label, middle, HEIGHT - 5, "middle", "label"))
    parts += [part for i, line in enumerate(plot.lines) for part in _drawn(plot, line, i, x, y)]
    return _svg(plot.title, HEIGHT, parts)


def _drawn(plot: Plot, line: Line, i: int, x: Scale, y: Scale) -> Iterator[str]:
    points = list(zip(map(x, line.x), map(y, line.y), strict=True))
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    kind = line_class(plot, i)
    yield f'<polyline class="line {kind}" points="{path}"/>'
    # Few enough to tell apart.
    if not line.reference and len(points) <= 60:
        for (a, b), at, value in zip(points, line.x, line.y, strict=True):
            title = f"{line.name}: {value:.5g} at {plot.x_label} {at:.4g}"
            yield _point(kind, a, b, 2.5, title)


def line_class(plot: Plot, i: int) -> str:
    if plot.lines[i].reference:
        return "reference"
    return "this" if i == len(plot.lines) - 1 else "base"


def bars_svg(bars: Bars) -> str:
    """One below the other, their names to the left."""
    longest = max((len(bar.name) for bar in bars.bars), default=0)
    left = LETTER * longest + 8
    most = max((bar.value for bar in bars.bars), default=0) or 1
    x = _scale(0, most, left, WIDTH - LETTER * len(shown(most)) - 8)
    parts = []
    for i, (name, value) in enumerate(bars.bars):
        top = i * ROW
        parts += [
            _text(name, left - 6, top + 15, "end"),
            f'<rect class="this" x="{left:.1f}" y="{top + 4}" width="{x(value) - left:.1f}" '
            f'height="{ROW - 7}">{_title(f"{name}: {shown(value)} {bars.unit}")}</rect>',
            _text(shown(value), x(value) + 5, top + 15, "start"),
        ]
    return _svg(bars.title, ROW * len(bars.bars) + 4, parts)


def intervals_svg(intervals: Intervals) -> str:
    """One below the other, each name above its interval, with a line through the first's value."""
    rows = intervals.intervals
    low, high = _limits([np.array([row.low for row in rows]), np.array([r.high for r in rows])])
    x = _scale(low, high, 10, WIDTH - 10)
    row_height = 34
    bottom = row_height * len(rows) + 4
    parts = [_line("reference line", x(rows[0].value), 0, x(rows[0].value), bottom)]
    for value in ticks(low, high):
        parts.append(_line("grid", x(value), bottom - 4, x(value), bottom))
        parts.append(_text(f"{value:g}", x(value), bottom + 14, "middle"))
    parts.append(_text(intervals.unit, WIDTH / 2, bottom + 30, "middle", "label"))
    for i, row in enumerate(rows):
        y = row_height * i + 25
        told = f"{row.name}: {row.value:.4f}, from {row.low:.4f} to {row.high:.4f}"
        parts += [
            _text(row.name, 10, y - 10, "start", "halo"),
            _line("line this", x(row.low), y, x(row.high), y),
            _point("this", x(row.value), y, 4, told),
        ]
    return _svg(intervals.title, bottom + 36, parts)


def ticks(low: float, high: float, most: int = 6, whole: bool = False) -> list[float]:
    """At most `most` round numbers in a range, evenly spaced."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= raw * 0.999)
    if whole:
        step = max(step, 1)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _limits(values: list[np.ndarray]) -> tuple[float, float]:
    every = np.concatenate(values)
    low, high = float(every.min()), float(every.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(text: str, x: float, y: float, anchor: str, kind: str = "") -> str:
    classes = f' class="{kind}"' if kind else ""
    return f'<text{classes} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _point(kind: str, x: float, y: float, radius: float, title: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">{_title(title)}</circle>'


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _svg(title: str, height: float, parts: list[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, *parts, "</svg>"])
