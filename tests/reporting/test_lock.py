"""dvc.lock against the code and the params, and against a run in a clean copy."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recsys.cli import check_lock, verify
from tests.small import JUDGE, PREPARE, SmallProject


def check() -> Result:
    return CliRunner().invoke(check_lock.main)


def test_a_reproduced_project_matches_without_its_data(small: SmallProject) -> None:
    shutil.rmtree(small.folder / "data")
    shutil.rmtree(small.folder / ".dvc" / "cache")
    result = check()
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["prepare", "same"],
        ["judge", "same"],
    ]


def test_the_changed_file_param_and_command_are_named(small: SmallProject) -> None:
    small.write("prepare.py", PREPARE + "\n# changed\n")
    small.set_width(90)
    pipeline = Path("dvc.yaml").read_text()
    small.write("dvc.yaml", pipeline.replace("cmd: python judge.py", "cmd: python ./judge.py"))
    result = check()
    assert result.exit_code == 1
    assert "dep prepare.py: modified" in result.stdout
    assert "param model.width: 80 in dvc.lock, 90 in params.yaml" in result.stdout
    assert "command" in result.stdout


def test_metrics_that_are_not_those_of_the_lock_are_named(small: SmallProject) -> None:
    small.write("metrics/test.json", '{"auc": 0.99}')
    result = check()
    assert result.exit_code == 1
    assert "out metrics/test.json: modified" in result.stdout


def test_a_new_stage_and_a_missing_lock_are_told(small: SmallProject) -> None:
    Path("dvc.lock").unlink()
    result = check()
    assert result.exit_code == 1
    assert result.stdout.count("not in dvc.lock") == 2


def test_a_clean_copy_makes_the_same(small: SmallProject) -> None:
    result = CliRunner().invoke(verify.main)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[0] for row in rows if row and row[-1] == "same"] == [
        "data",
        "metrics/plots",
        "metrics/test.json",
    ]
    assert ["auc", "0.80000", "0.80000", "="] in rows


def test_what_a_clean_copy_makes_otherwise_is_named(small: SmallProject) -> None:
    """Code was committed without what it makes; the cache still has the old."""
    small.write("judge.py", JUDGE.replace("width / 100,", "width / 100 + 0.01,"))
    small.commit()
    result = CliRunner().invoke(verify.main)
    assert result.exit_code == 1
    verdicts = {row[0]: row[-1] for row in map(str.split, result.stdout.splitlines()) if row}
    assert verdicts["data"] == "same"
    assert verdicts["metrics/test.json"] == "differs"
    assert float(verdicts["auc"]) == 0.01
    assert json.loads(Path("metrics/test.json").read_text())["auc"] == 0.8


@pytest.mark.parametrize(("tolerance", "code"), [("0.005", 1), ("0.02", 0)])
def test_a_tolerance_is_of_the_metrics(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch, tolerance: str, code: int
) -> None:
    def reproduce(copy: Path) -> None:
        shutil.copytree(small.folder, copy)
        (copy / "metrics/test.json").write_text('{"auc": 0.81, "rows": 10}')
        lock = copy / "dvc.lock"
        lock.write_text(lock.read_text().replace("md5: ", "md5: 0"))

    monkeypatch.setattr(verify, "reproduce", reproduce)
    result = CliRunner().invoke(verify.main, ["--tolerance", tolerance])
    assert result.exit_code == code, result.output
