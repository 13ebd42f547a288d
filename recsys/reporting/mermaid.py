"""Plots as Mermaid, the only drawings that a comment on GitHub can hold in itself."""

import json

import numpy as np

from recsys.reporting.blocks import Line, Plot, Points

# Grey for what it is compared with; blue, the last, for what is judged.
GREYS = ("#8c959f", "#57606a", "#afb8c1")
BLUE = "#0969da"
# Mermaid spaces the points of a line evenly.
STEPS = 26


def mermaid(plot: Plot) -> str:
    """A fenced block."""
    low, high = _range(plot)
    if plot.counts:
        epochs = sorted({int(x) for line in plot.lines for x in line.x})
        axis = f'x-axis "{plot.x_label}" [{", ".join(map(str, epochs))}]'
        lines = [line.y for line in plot.lines]
    else:
        left = min(line.x.min() for line in plot.lines)
        right = max(line.x.max() for line in plot.lines)
        axis = f'x-axis "{plot.x_label}" {left:.4g} --> {right:.4g}'
        lines = [_resampled(line, np.linspace(left, right, STEPS)) for line in plot.lines]
    palette = ", ".join([*GREYS[: len(lines) - 1], BLUE])
    theme = json.dumps({"themeVariables": {"xyChart": {"plotColorPalette": palette}}})
    title = plot.title if plot.counts else f"{plot.title}: {plot.y_label}"
    return "\n".join(
        [
            "```mermaid",
            f"%%{{init: {theme}}}%%",
            "xychart-beta",
            f'  title "{title}"',
            f"  {axis}",
            # Without its label, which would lie on the numbers.
            f"  y-axis {low:.4g} --> {high:.4g}",
            *("  line [" + ", ".join(f"{y:.4f}" for y in line) + "]" for line in lines),
            "```",
        ]
    )


def _range(plot: Plot) -> tuple[float, float]:
    values = np.concatenate([line.y for line in plot.lines])
    margin = 0.05 * (values.max() - values.min()) or 0.01
    return float(values.min() - margin), float(values.max() + margin)


def _resampled(line: Line, x: Points) -> Points:
    order = np.argsort(line.x, kind="stable")
    return np.asarray(np.interp(x, line.x[order], line.y[order]))
