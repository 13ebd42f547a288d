"""`recsys search`, with a stand-in for DVC that trains nothing."""

import json
import sys
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner, Result
from optuna.trial import TrialState

from recsys.cli import search, trials
from tests.small import SmallProject

SPACE = """
metric: validation_auc
direction: maximize
params:
  model.width: [1, 2, 3]
  train.rate: {low: 1e-3, high: 1e-1, log: true}
"""
# The score grows with the width. After as many runs as `patience` says, runs are bad and never end.
STAND_IN = """
import json, pathlib, sys, time
calls = pathlib.Path("search/calls")
patience = pathlib.Path("search/patience")
calls.open("a").write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[2] == "run":
    width = int(next(a for a in sys.argv if "model.width=" in a).split("=")[-1])
    slow = patience.exists() and len(calls.read_text().splitlines()) > int(patience.read_text())
    for epoch in (1, 2, 3):
        score = 0.1 if slow else width / 10 + epoch / 100
        print(f"epoch {epoch}  train_loss 0.5  validation_auc {score}", flush=True)
    if slow:
        time.sleep(600)
"""


@pytest.fixture
def project(small: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    stand_in = tmp_path / "dvc.py"
    stand_in.write_text(STAND_IN)

    def history(_: str, name: str) -> str:
        (run,) = (call for call in calls() if name in call and "run" in call)
        width = next(a for a in run if "model.width=" in a).split("=")[-1]
        return f"epoch,validation_auc\n1,0.{width}9\n2,0.{width}1\n"

    use_dvc(monkeypatch, str(stand_in))
    monkeypatch.setattr(trials, "content", history)
    small.write("search.yaml", SPACE)
    small.write(".gitignore", "/data/\n/search/\n")
    small.commit()
    return small


def use_dvc(monkeypatch: pytest.MonkeyPatch, *python: str) -> None:
    """Run `python ...` with the arguments of DVC in its place."""
    for module in (search, trials):
        monkeypatch.setattr(module, "dvc", lambda *a: [sys.executable, *python, *a])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(search.main, arguments)


def calls() -> list[list[str]]:
    return [json.loads(line) for line in Path("search/calls").read_text().splitlines()]


def tried() -> list[optuna.trial.FrozenTrial]:
    storage = trials.storage()
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


def test_trials_are_experiments_and_a_second_search_continues(project: SmallProject) -> None:
    assert run("--trials", "2").exit_code == 0
    result = run("--trials", "3", "--apply")
    assert result.exit_code == 0, result.output
    *runs, applied = calls()
    assert [call[:3] for call in runs] == [["exp", "run", "--temp"]] * 5
    names = [call[call.index("--name") + 1] for call in runs]
    assert [name.split("-")[-1] for name in names] == ["0", "1", "2", "3", "4"]
    scores = [trial.value for trial in tried()]
    # Each is that of the best epoch.
    assert set(scores) <= {0.19, 0.29, 0.39}
    assert applied == ["exp", "apply", names[scores.index(max(scores))]]
    assert SmallProject(Path()).run("git", "status", "--porcelain") == ""


def test_a_trial_worse_than_the_others_is_stopped(project: SmallProject) -> None:
    Path("search").mkdir()
    Path("search/patience").write_text("4")
    result = run("--trials", "5")
    assert result.exit_code == 0, result.output
    assert [trial.state for trial in tried()] == [TrialState.COMPLETE] * 4 + [TrialState.PRUNED]
    assert "stopped after epoch 2" in result.output


def test_a_trial_of_a_killed_search_is_tried_again(project: SmallProject) -> None:
    space = trials.read_space(Path("search.yaml"))
    study = trials.open_study(space)
    killed = space.suggest(study.ask())
    assert run("--trials", "1").exit_code == 0
    first, again = tried()
    assert first.state == TrialState.FAIL
    assert again.state == TrialState.COMPLETE
    assert again.user_attrs == killed


def test_a_failed_trial_does_not_stop_the_search(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_dvc(monkeypatch, "-c", "raise SystemExit(3)")
    result = run("--trials", "2")
    assert [trial.state for trial in tried()] == [TrialState.FAIL] * 2
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: no trial has finished yet\n")


def test_a_budget_of_no_time_starts_nothing(project: SmallProject) -> None:
    assert run("--minutes", "0").exit_code == 1
    assert not Path("search/calls").exists()


def test_changes_that_are_not_committed_are_refused(project: SmallProject) -> None:
    project.set_width(7)
    result = run()
    assert result.exit_code == 1
    assert "commit your changes" in result.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SPACE.replace("maximize", "up"), "direction = 'up'"),
        (SPACE.replace("low: 1e-3, ", ""), "params.train.rate"),
        (SPACE.replace("metric: validation_auc", "goal: x"), "metric"),
        ("", "content = None"),
    ],
)
def test_a_bad_space_is_one_line(project: SmallProject, text: str, problem: str) -> None:
    project.write("search.yaml", text)
    project.commit()
    result = run()
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert problem in result.stderr


@pytest.mark.parametrize("line", ["", "epoch 1:  20%|##  | 3/9", "auc 0.7", "epoch 2  going on"])
def test_other_lines_are_no_epochs(line: str) -> None:
    assert trials.parse_epoch(line) == {}
    assert trials.parse_epoch("epoch 2  train_loss 0.5\n") == {"epoch": 2, "train_loss": 0.5}
