"""DVC's plots as SVG."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from recsys.common.errors import InputError
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
    pipeline = YAML(typ="safe").load(Path("dvc.yaml"))
    plots = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["evaluate"]["plots"]
    pipeline["stages"]["judge"]["plots"] += [p for p in plots if "metrics/plots/slices.csv" in p]
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


def test_a_revision_that_is_not_there_is_refused(small: SmallProject) -> None:
    with pytest.raises(InputError, match=r"dvc plots diff nowhere.*unknown Git revision"):
        load_charts("nowhere")


def test_lines_are_the_workspace_and_a_commit_over_a_dashed_reference(small: SmallProject) -> None:
    small.set_width(90)
    small.repro()
    (chart,), _ = load_charts("HEAD")
    curve, reference = chart.spec["layer"]
    assert "strokeDash" not in curve["mark"]
    assert reference["encoding"]["y"]["field"] == "reference"
    svg = render_svg(chart)
    for color in chart.spec["encoding"]["color"]["scale"]["range"]:
        # A curve and its reference, each of one revision.
        lines = re.findall(rf'<path [^>]*stroke="{color}"[^>]*>', svg)
        assert [("stroke-dasharray" in line) for line in lines if "line" in line] == [False, True]
