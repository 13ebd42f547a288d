"""DVC's plots as SVG and as Mermaid."""

import json
import re
import shutil
from pathlib import Path

import pytest
from recsys.reporting.mermaid import render_mermaid
from ruamel.yaml import YAML

from recsys.common.errors import InputError
from recsys.reporting.rendering.blocks import Chart
from recsys.reporting.rendering.plots import load_charts, render_svg
from tests.imports import ROOT
from tests.small import SmallProject

SLICES = """slice,value,low,high,rows
zebras & <all>,0.8,0.7,0.9,20
few,0.7,,,1
ants,0.9,0.85,0.95,9
"""


@pytest.fixture
def slices(small: SmallProject) -> SmallProject:
    """A project that also plots slices, but has none yet."""
    shutil.copytree(ROOT / ".dvc/plots", small.folder / ".dvc/plots")
    pipeline = YAML(typ="safe").load(Path("dvc.yaml"))
    pipeline["plots"] += [
        plot for plot in YAML(typ="safe").load(ROOT / "dvc.yaml")["plots"] if "slices" in plot
    ]
    YAML(typ="safe").dump(pipeline, Path("dvc.yaml"))
    small.commit()
    return small


def test_a_plot_that_neither_run_has_is_left_out(slices: SmallProject) -> None:
    for base, left_out in ((None, "workspace"), ("HEAD", "HEAD")):
        charts, note = load_charts(base)
        assert [chart.title for chart in charts] == ["ROC"]
        assert re.match(rf"Left out: .* of {left_out} \(", note)


def test_slices_are_points_with_their_intervals(slices: SmallProject) -> None:
    Path("metrics/plots/slices.csv").write_text(SLICES)
    (_, chart), _ = load_charts("HEAD")
    svg = render_svg(chart)
    names = re.findall(r">(zebras &amp; &lt;all&gt;|few|ants)<", svg)
    assert names == ["zebras &amp; &lt;all&gt;", "few", "ants"]
    assert svg.count('aria-roledescription="point"') == 3
    assert svg.count('aria-roledescription="rule mark"') == 2
    assert render_mermaid(chart) == ""


def test_a_revision_that_is_not_there_is_refused(small: SmallProject) -> None:
    with pytest.raises(InputError, match=r"dvc plots diff nowhere.*unknown Git revision"):
        load_charts("nowhere")


def test_lines_are_the_workspace_over_a_commit_over_a_reference(small: SmallProject) -> None:
    small.set_width(90)
    small.repro()
    (chart,), _ = load_charts("HEAD")
    svg = render_svg(chart)
    lines = render_mermaid(chart).splitlines()
    colors = json.loads(lines[1].removeprefix("%%{init: ").removesuffix("}%%"))
    palette = colors["themeVariables"]["xyChart"]["plotColorPalette"].split(", ")
    grey, base, workspace = palette
    assert grey not in svg
    assert base in svg
    assert workspace in svg
    curves = [json.loads(line.removeprefix("  line ")) for line in lines if "  line" in line]
    middles = [(curve[12] + curve[13]) / 2 for curve in curves]
    assert middles == pytest.approx([0.5, 0.79, 0.88], abs=0.01)
    assert '  title "ROC: y"' in lines


def test_epochs_are_counted_and_titles_quoted() -> None:
    rows = [
        {"epoch": str(epoch), "loss": str(loss), "undefined": "", "rev": rev}
        for rev, losses in {"workspace": (3, 2, 1), "old": (4, 3)}.items()
        for epoch, loss in enumerate(losses, 1)
    ]
    color = {"field": "rev", "scale": {"domain": ["workspace", "old"], "range": ["red", "blue"]}}
    view = {
        "mark": {"type": "line"},
        "encoding": {
            "x": {"field": "epoch", "title": 'an "epoch"'},
            "y": {"field": "value", "title": None},
            "color": color,
        },
    }
    spec = {
        "title": {"text": "Learning"},
        "data": {"values": rows},
        "transform": [{"fold": ["loss", "absent", "undefined"], "as": ["name", "value"]}],
        "spec": view,
    }
    lines = render_mermaid(Chart(spec)).splitlines()
    assert [line for line in lines if "title" in line] == ['  title "loss"']
    assert '  x-axis "an #quot;epoch#quot;" [1, 2, 3]' in lines
    assert lines[-3:] == ["  line [4.0000, 3.0000]", "  line [3.0000, 2.0000, 1.0000]", "```"]
