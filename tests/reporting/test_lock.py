"""dvc.lock against the code, the params and the files."""

import shutil
from pathlib import Path

from recsys.reporting.lock import lock_differences, recorded_outputs, recorded_params
from tests.small import PREPARE, SmallProject


def test_a_lock_records_params_and_outputs(small: SmallProject) -> None:
    lock = Path("dvc.lock").read_text()
    assert recorded_params(lock) == {"model": {"width": 80}}
    outputs = recorded_outputs(lock)
    assert list(outputs) == ["data", "metrics/plots", "metrics/test.json"]
    assert outputs["data"].endswith(".dir")


def test_a_reproduced_project_matches_without_its_data(small: SmallProject) -> None:
    shutil.rmtree(small.folder / "data")
    shutil.rmtree(small.folder / ".dvc" / "cache")
    assert lock_differences() == {"prepare": [], "judge": []}


def test_the_changed_file_param_and_command_are_named(small: SmallProject) -> None:
    small.write("prepare.py", PREPARE + "\n# changed\n")
    small.set_width(90)
    pipeline = Path("dvc.yaml").read_text()
    small.write("dvc.yaml", pipeline.replace("cmd: python judge.py", "cmd: python ./judge.py"))
    assert lock_differences() == {
        "prepare": ["dep prepare.py: modified"],
        "judge": ["command", "param model.width: 80 in dvc.lock, 90 in params.yaml"],
    }


def test_metrics_that_are_not_those_of_the_lock_are_named(small: SmallProject) -> None:
    small.write("metrics/test.json", '{"auc": 0.99}')
    assert lock_differences()["judge"] == ["out metrics/test.json: modified"]


def test_a_missing_lock_is_named(small: SmallProject) -> None:
    Path("dvc.lock").unlink()
    assert lock_differences() == {"prepare": ["not in dvc.lock"], "judge": ["not in dvc.lock"]}
