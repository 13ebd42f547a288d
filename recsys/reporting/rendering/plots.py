"""The plots of dvc.yaml: the Vega-Lite specifications that `dvc plots` draws, and their SVG."""

import json
import subprocess
import sys
from typing import Any

import vl_convert

from recsys.common.errors import InputError
from recsys.reporting.rendering.blocks import Chart

# Everything but the data takes the colour of the page's text, light or dark.
INK = "currentColor"
LABELS = {"labelColor": INK, "titleColor": INK}
CONFIG: dict[str, Any] = {
    "background": None,
    # vl-convert measures text in Liberation Sans, whose letters are as wide as Arial's.
    "font": "Arial, Liberation Sans, Helvetica, sans-serif",
    "title": {"color": INK},
    "axis": LABELS
    | {"gridColor": INK, "gridOpacity": 0.15}
    | {f"{part}Color": INK for part in ("domain", "tick")}
    | {f"{part}Opacity": 0.4 for part in ("domain", "tick")},
    "header": LABELS,
    # Under the plot, one below the other, so that it fits a phone; long enough to show dashes.
    "legend": LABELS
    | {"orient": "bottom", "layout": {"bottom": {"direction": "vertical"}}, "symbolSize": 200},
    "view": {"stroke": None},
}


def load_charts(base: str | None) -> tuple[list[Chart], str]:
    """What `dvc plots` draws of the workspace, beside a commit if one is given.

    The data comes from the workspace, Git or DVC's cache. A plot whose data is in none of them, or
    damaged, is left out.

    Returns:
        the charts, and what was left out and why

    Raises:
        InputError: DVC cannot load the plots.
    """
    revisions = ("diff", base) if base else ("show",)
    command = [sys.executable, "-m", "dvc", "plots", *revisions, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = " ".join(done.stderr.split())
        raise InputError(f"`dvc plots {' '.join(revisions)}`: {reason}")
    loaded = json.loads(done.stdout)
    charts = [
        Chart(drawn["content"])
        for plot in loaded.get("data", {}).values()
        for drawn in plot
        if drawn["type"] == "vega"
    ]
    left_out = [
        f"{error.get('name', 'the plots')} of {error['rev']} ({error['msg']})"
        for error in loaded.get("errors", [])
    ]
    return charts, f"Left out: {', '.join(left_out)}." if left_out else ""


def render_svg(chart: Chart) -> str:
    """An SVG element, whose text has the colour of the element around it."""
    svg: str = vl_convert.vegalite_to_svg(chart.spec, config=CONFIG)
    return svg
