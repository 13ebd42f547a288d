import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.reporting.card import count_weights, find_best, tell_metrics, tell_slices
from recsys.reporting.run_record import RunRecord, hash_of
from tests.runs import Run

PARAMS = {"evaluate": {"threshold": 0.5, "bootstrap": 200}}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()  # noqa: S324


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One stage, which made a file of another."""
    (tmp_path / "code.py").write_text("pass\n")
    (tmp_path / "out").write_text("1\n")
    (tmp_path / "dvc.lock").write_text(
        f"""
stages:
  make:
    deps:
    - path: code.py
      md5: {md5(b"pass" + bytes([10]))}
    params:
      params.yaml:
        make: {{rate: 1e-3}}
    outs:
    - path: out
      md5: {md5(b"1" + bytes([10]))}
"""
    )
    return tmp_path


def test_a_record_is_of_the_files_at_hand(project: Path) -> None:
    record = RunRecord(project)
    assert record.params == {"make": {"rate": 0.001}}
    record.check(("out",))
    (project / "code.py").write_text("fail\n")
    with pytest.raises(InputError, match=r"code\.py is not what dvc\.lock records; run `dvc rep"):
        record.check(("out",))
    # What is not needed need not be there.
    (project / "code.py").unlink()
    record.check(("out",))
    (project / "out").unlink()
    with pytest.raises(InputError, match="out is missing"):
        record.check(("out",))


def test_the_hash_of_a_folder_is_of_its_files_and_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "b").mkdir(parents=True)
    (folder / "b/c").write_text("1")
    (folder / "a").write_text("2")
    listed = [{"md5": md5(b"2"), "relpath": "a"}, {"md5": md5(b"1"), "relpath": "b/c"}]
    assert hash_of(folder) == md5(json.dumps(listed).encode()) + ".dir"


def test_a_bad_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dvc\.lock: No such file"):
        RunRecord(tmp_path)


def test_metrics_and_slices_are_tables() -> None:
    assert tell_metrics({"auc": 0.81234, "rows": 1234, "best": None}, PARAMS).splitlines() == [
        "| metric | value | what |",
        "| --- | --- | --- |",
        "| auc | 0.8123 | area under the ROC curve |",
        "| rows | 1,234 | ratings |",
        "| best | - |  |",
    ]
    row = {"slice": "men", "rows": 5000, "positive_rate": 0.5, "rmse": 0.9}
    _, table = tell_slices(
        [row | {"low": 0.8, "high": 1.0}, row | {"low": None, "high": None}], PARAMS
    )
    assert table.splitlines()[2:] == [
        "| men | 5,000 | 0.5000 | 0.9000 | 0.8000 to 1.0000 |",
        "| men | 5,000 | 0.5000 | 0.9000 | - |",
    ]
    assert tell_slices([], PARAMS) == []


def test_the_best_epoch_is_that_which_training_kept() -> None:
    epochs = pd.DataFrame({"epoch": [1, 2, 3], "validation_auc": [0.7, 0.9, 0.8]})
    epochs["validation_log_loss"] = [0.3, 0.4, 0.5]
    epochs["validation_rmse"] = [0.9, 1.0, 0.8]
    best = {task: find_best(epochs, task) for task in ("classification", "regression")}
    assert best["classification"][1]["epoch"] == 2
    assert best["regression"][0] == "validation_rmse"
    assert best["regression"][1]["epoch"] == 3
    name, record = find_best(epochs.assign(validation_auc=None), "classification")
    assert (name, record["epoch"]) == ("validation_log_loss", 1)


def test_weights_are_counted_from_the_header(run: Run) -> None:
    # Embeddings of 61 + 1 users, 42 + 1 movies and 4 genres; 1-64-8 from gender; 14-128-64-1.
    expected = (62 + 43 + 4) * 8 + (2 * 64 + 65 * 8) + (15 * 128 + 129 * 64 + 65)
    assert count_weights(run.checkpoint) == expected
