"""The script of docs/trackers.md, with a stand-in for MLflow."""

import json
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.imports import ROOT
from tests.small import SmallProject


def test_a_run_is_mirrored_into_mlflow(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small.folder / "models").mkdir()
    small.write("models/history.csv", "epoch,train_loss,validation_auc\n1,0.7,\n2,0.6,0.8\n")
    small.write("metrics/ranking.json", json.dumps({"ndcg": 0.3, "popular": {"ndcg": 0.1}}))
    logged: list[Any] = []
    mlflow = SimpleNamespace(
        set_experiment=logged.append,
        start_run=lambda **_: nullcontext(),
        log_params=logged.append,
        log_metrics=lambda metrics, step=None: logged.append((step, metrics)),
        log_artifact=lambda path: logged.append(Path(path).exists()),
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/trackers.md").read_text(), re.S)
    exec(script, {})  # noqa: S102
    assert logged == [
        "movielens",
        {"model.width": 80},
        (1, {"train_loss": 0.7}),
        (2, {"train_loss": 0.6, "validation_auc": 0.8}),
        (None, {"auc": 0.8, "rows": 10}),
        True,
        (None, {"ndcg": 0.3}),
        True,
        True,
    ]
