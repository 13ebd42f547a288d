"""Two branches that both changed the params, merged."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from recsys.cli.main import main
from recsys.reporting.runs.conflicts import find_conflicts, take_one_side
from tests.errors import error_of
from tests.imports import ROOT
from tests.small import SmallProject

MADE = ["dvc.lock", "metrics/test.json"]


def merge(small: SmallProject) -> None:
    """Merge a branch with a width of 90 into one of 70; their runs are made up, which is faster."""
    base = Path("dvc.lock").read_text(), Path("metrics/test.json").read_text()
    for branch, width in (("other", 90), ("mine", 70)):
        small.run("git", "switch", "--quiet", "--create", branch, "main")
        small.set_width(width)
        small.write("dvc.lock", base[0].replace("width: 80", f"width: {width}"))
        small.write("metrics/test.json", base[1].replace("0.8", f"{width / 100}"))
        small.commit()
    with pytest.raises(AssertionError, match="Automatic merge failed"):
        small.run("git", "merge", "other")


def test_a_merge_is_resolved_by_one_command(small: SmallProject) -> None:
    shutil.copy(ROOT / ".gitattributes", small.folder)
    small.commit()
    merge(small)
    # Git keeps one side whole, so that DVC and all commands still read it.
    assert "width: 70" in Path("dvc.lock").read_text()
    assert find_conflicts() == (MADE, ["params.yaml"])
    remedy = "resolve them and `git add` them, then `recsys resolve`"
    assert error_of("resolve") == f"conflicts in params.yaml; {remedy}"

    small.set_width(75)
    small.run("git", "add", "params.yaml")
    done = CliRunner().invoke(main, ["resolve"])
    assert done.exit_code == 0, done.output
    assert json.loads(Path("metrics/test.json").read_text())["auc"] == 0.75
    assert find_conflicts() == ([], [])
    assert CliRunner().invoke(main, ["check-lock"]).exit_code == 0
    small.commit()
    assert small.run("git", "show", "HEAD:dvc.lock") == Path("dvc.lock").read_text()

    again = CliRunner().invoke(main, ["resolve"])
    assert again.output.startswith("No conflicts in dvc.lock and metrics")


def test_the_markers_of_a_merge_without_our_attributes_go_too(small: SmallProject) -> None:
    merge(small)
    error = error_of("check-lock")
    assert error.startswith("dvc.lock has merge conflicts or is damaged;")
    assert "`recsys resolve`" in error
    take_one_side()
    assert "width: 70" in Path("dvc.lock").read_text()
    assert json.loads(Path("metrics/test.json").read_text())["auc"] == 0.7
    # Until they are added, so that a run that fails here is repeated by the same command.
    assert find_conflicts() == (MADE, ["params.yaml"])


def test_markers_that_were_committed_are_found_and_their_lock_removed(small: SmallProject) -> None:
    small.write("dvc.lock", "<<<<<<< HEAD\n" + Path("dvc.lock").read_text())
    small.commit()
    assert find_conflicts() == (["dvc.lock"], [])
    take_one_side()
    assert not Path("dvc.lock").exists()
