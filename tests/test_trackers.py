"""The scripts of docs/trackers.md, with stand-ins for the trackers."""

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

SCRIPTS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/trackers.md").read_text(), re.S)


@pytest.fixture
def project(small: SmallProject) -> SmallProject:
    """With all that the scripts read."""
    (small.folder / "models").mkdir()
    small.write("models/history.csv", "epoch,train_loss,validation_auc\n1,0.7,\n2,0.6,0.8\n")
    small.write("metrics/ranking.json", json.dumps({"ndcg": 0.3, "popular": {"ndcg": 0.1}}))
    return small


@pytest.mark.usefixtures("project")
def test_a_run_is_mirrored_into_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[Any] = []
    mlflow = SimpleNamespace(
        set_experiment=logged.append,
        start_run=lambda **_: nullcontext(),
        log_params=logged.append,
        log_metrics=lambda metrics, step=None: logged.append((step, metrics)),
        log_artifact=lambda path: logged.append(Path(path).exists()),
    )
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    exec(SCRIPTS[0], {})  # noqa: S102
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


@pytest.mark.usefixtures("project")
def test_a_run_is_mirrored_into_weights_and_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[Any] = []
    summary: dict[str, float] = {}
    run = SimpleNamespace(log=lambda row, step: logged.append((step, row)), summary=summary)

    def init(project: str, name: str, config: object) -> nullcontext[SimpleNamespace]:
        logged.append((project, config))
        assert name
        return nullcontext(run)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    exec(SCRIPTS[1], {})  # noqa: S102
    assert logged == [
        ("movielens", {"model": {"width": 80}}),
        (1, {"train_loss": 0.7}),
        (2, {"train_loss": 0.6, "validation_auc": 0.8}),
    ]
    assert summary == {"auc": 0.8, "rows": 10, "ndcg": 0.3}
