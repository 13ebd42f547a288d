"""dvc.lock against the code, the params and the files."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.reporting.runs.lock import read_stages, recorded_outputs, recorded_params
from recsys.reporting.runs.stages import check_run, lock_differences
from tests.errors import refused
from tests.small import PREPARE, SmallProject


def test_a_lock_records_params_and_outputs(small: SmallProject) -> None:
    lock = Path("dvc.lock").read_text()
    assert recorded_params(lock) == {"model": {"width": 80}}
    outputs = recorded_outputs(lock)
    assert list(outputs) == ["data", "metrics/plots/roc.csv", "metrics/test.json"]
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


DAMAGES: dict[str, Callable[[str], str]] = {
    "merge conflicts": lambda text: text.replace("  judge:", "<<<<<<< HEAD\n  judge:"),
    "half of it": lambda text: text[: text.index("md5: ") + 3],
    "a list": lambda _: "- 1\n",
    "stages of a number": lambda _: "schema: '2.0'\nstages: 3\n",
    "a stage of a number": lambda _: "schema: '2.0'\nstages:\n  judge: 3\n",
    "a hash of a list": lambda text: re.sub("md5: .*", "md5: []", text),
    "params of a list": lambda text: text.replace("        model:", "      - model:"),
    "a stage twice": lambda text: text + "  judge:\n    cmd: x\n",
    "a tag": lambda text: text.replace("size: 3", "size: !!python/object:x 3"),
    "NUL": lambda text: text + "\0",
}


@pytest.fixture(scope="module")
def lock(small_template: Path) -> str:
    return (small_template / "dvc.lock").read_text()


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_lock_is_one_line(lock: str, change: Callable[[str], str]) -> None:
    with refused("dvc.lock has merge conflicts or is damaged"):
        read_stages(change(lock))


@pytest.mark.parametrize("text", ["", "schema: '2.0'\n", "schema: '2.0'\nstages: {a: {cmd: x}}\n"])
def test_a_lock_without_outputs_records_none(text: str) -> None:
    assert recorded_outputs(text) == recorded_params(text) == {}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dvc.yaml", "=======\n", "has merge conflicts (line 1)"),
        ("dvc.yaml", "- 1", ": expected sections, found [1]"),
        ("params.yaml", "<<<<<<< HEAD\n", "has merge conflicts (line 1)"),
        ("params.yaml", "", ": expected sections, found None"),
        ("dvc.lock", ">>>>>>> x\n", "has merge conflicts or is damaged; "),
        (
            "metrics/test.json",
            "<<<<<<< HEAD\n",
            "has merge conflicts or is damaged; run `dvc repro`",
        ),
        ("metrics/test.json", "[" * 100_000, "has merge conflicts or is damaged"),
        ("metrics/test.json", "[]", "has merge conflicts or is damaged"),
        ("metrics/ranking.json", "<<<<<<<", "has merge conflicts or is damaged"),
    ],
)
def test_a_damaged_file_of_a_run_is_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    check_run(tmp_path)
    (tmp_path / "metrics").mkdir()
    (tmp_path / name).write_text(text)
    with refused(message) as error:
        check_run(tmp_path)
    assert name in str(error.value)
