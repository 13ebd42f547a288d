"""Charts of lines as Mermaid, the only drawing that a comment on GitHub can hold."""

import json
from typing import Any

import numpy as np
import pandas as pd

from recsys.reporting.blocks import Chart

# Of the lines that the others are compared with, such as what guessing gives.
GREY = "#8c959f"
# Mermaid spaces the points of a line evenly.
STEPS = 26


def render_mermaid(chart: Chart) -> str:
    """A fenced block for each facet; nothing for a chart that has no lines."""
    view: dict[str, Any] = chart.spec.get("spec", chart.spec)
    mark = view["layer"][0]["mark"] if "layer" in view else view.get("mark", {})
    if mark.get("type") != "line":
        return ""
    rows = pd.DataFrame(chart.spec["data"]["values"])
    x, y, color = (view["encoding"][channel] for channel in ("x", "y", "color"))
    colors = dict(zip(color["scale"]["domain"], color["scale"]["range"], strict=True))
    titles = {y["field"]: f"{chart.title}: {y['title']}"}
    for transform in chart.spec.get("transform", []):
        if "fold" in transform:
            titles = {name: name for name in transform["fold"] if name in rows}
    return "\n\n".join(
        _block(title, x["title"], lines)
        for column, title in titles.items()
        if (lines := _lines(rows, x["field"], column, colors))
    )


def _lines(
    rows: pd.DataFrame, x: str, y: str, colors: dict[str, str]
) -> list[tuple[str, "pd.Series[float]"]]:
    """Colour and values over x of each line that has any; the first revision's is last, on top."""
    # DVC names the column of a line where it draws several of a file.
    columns = rows["field"] if "field" in rows else pd.Series("", rows.index)
    values = pd.to_numeric(rows[y]).set_axis(pd.to_numeric(rows[x]))
    first_revision, first_column = rows["rev"].iloc[0], columns.iloc[0]
    lines = [
        (GREY, (rows["rev"] == first_revision) & (columns == column))
        for column in columns.unique()
        if column != first_column
    ]
    lines += [
        (color, (rows["rev"] == revision) & (columns == first_column))
        for revision, color in reversed(colors.items())
    ]
    found = [(color, values[mask.to_numpy()].dropna()) for color, mask in lines]
    return [(color, line) for color, line in found if len(line)]


def _block(title: str, x_label: str, lines: list[tuple[str, "pd.Series[float]"]]) -> str:
    points = pd.concat([line for _, line in lines])
    x = points.index.to_numpy()
    if (x % 1 == 0).all():
        # A count, such as epochs: a line may end before the others.
        axis = f"[{', '.join(f'{value:g}' for value in np.unique(x))}]"
        values = [line.to_numpy() for _, line in lines]
    else:
        axis = f"{x.min():.4g} --> {x.max():.4g}"
        places = np.linspace(x.min(), x.max(), STEPS)
        ordered = [line.sort_index(kind="stable") for _, line in lines]
        values = [np.interp(places, line.index, line) for line in ordered]
    margin = 0.05 * (points.max() - points.min()) or 0.01
    palette = ", ".join(color for color, _ in lines)
    theme = {"themeVariables": {"xyChart": {"plotColorPalette": palette}}}
    return "\n".join(
        [
            "```mermaid",
            f"%%{{init: {json.dumps(theme)}}}%%",
            "xychart-beta",
            f"  title {_quote(title)}",
            f"  x-axis {_quote(x_label)} {axis}",
            # Without its label, which would lie on the numbers.
            f"  y-axis {points.min() - margin:.4g} --> {points.max() + margin:.4g}",
            *("  line [" + ", ".join(f"{y:.4f}" for y in line) + "]" for line in values),
            "```",
        ]
    )


def _quote(text: str) -> str:
    """As a string of Mermaid, on one line."""
    return '"' + " ".join(text.split()).replace('"', "#quot;") + '"'
