"""`recsys demo`, with a stand-in for DVC that trains nothing."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from recsys.cli import demo
from tests.small import SmallProject

# Writes down its arguments; an experiment is a ref of Git, whose metrics are those of HEAD.
STAND_IN = """
import json, pathlib, subprocess, sys
pathlib.Path("data/calls").open("a").write(json.dumps(sys.argv[1:]) + "\\n")
head = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
ref = f"refs/exps/{head[:2]}/{head[2:]}/demo"
action = ["-d", ref] if sys.argv[2] == "remove" else [ref, "HEAD"]
subprocess.run(["git", "update-ref", *action], check=True)
"""


@pytest.fixture
def calls(small: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_in = tmp_path / "dvc.py"
    stand_in.write_text(STAND_IN)
    monkeypatch.setattr(demo, "dvc", lambda *a: [sys.executable, str(stand_in), *a])
    monkeypatch.chdir("metrics")
    return small.folder / "data" / "calls"


def test_a_demo_is_an_experiment_and_a_second_one_replaces_it(calls: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(demo.main)
        assert result.exit_code == 0, result.output
        reached, *hints = result.output.strip().splitlines()[-3:]
        assert reached.startswith("MovieLens 100K, test part: auc 0.8. ")
        assert "git stash (apply discards your edits); dvc exp apply demo" in hints[1]
    done = [json.loads(line)[:2] for line in calls.read_text().splitlines()]
    assert done == [["exp", "run"], ["exp", "remove"], ["exp", "run"]]


def test_a_demo_that_fails_is_one_line(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "dvc", lambda *_: [sys.executable, "-c", "raise SystemExit(3)"])
    result = CliRunner().invoke(demo.main)
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.endswith("failed; see above")


@pytest.mark.parametrize("name", ["Müller 日本", "it's $HOME"])
def test_a_demo_runs_in_a_folder_of_any_name(
    small: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = small.folder.rename(tmp_path / name)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(demo, "PARAMS", ("model.width=90",))
    SmallProject(folder).run("git", "config", "user.name", "Jürgen")
    SmallProject(folder).run("git", "config", "user.email", "j@example.invalid")
    result = CliRunner().invoke(demo.main)
    assert result.exit_code == 0, result.output
    assert "auc 0.9. " in result.output
    assert json.loads(Path("metrics/test.json").read_text())["auc"] == 0.8
