"""`recsys search`, with a stand-in for DVC that trains nothing."""

import json
import sys
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner, Result
from optuna.trial import TrialState

from recsys.cli import search, trials
from recsys.common.errors import InputError
from tests.conftest import PARAMS
from tests.small import SmallProject

SPACE = """
metric: validation_auc
direction: maximize
params:
  train.patience: [1, 2, 3]
  train.learning_rate: {low: 1e-3, high: 1e-1, log: true}
"""
# The score grows with the width. After as many runs as `patience` says, runs are bad and never end.
STAND_IN = """
import json, pathlib, sys, time
calls = pathlib.Path("search/calls")
patience = pathlib.Path("search/patience")
calls.open("a").write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[2] == "run":
    width = int(next(a for a in sys.argv if "train.patience=" in a).split("=")[-1])
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
        width = next(a for a in run if "train.patience=" in a).split("=")[-1]
        return f"epoch,validation_auc\n1,0.{width}9\n2,0.{width}1\n"

    use_dvc(monkeypatch, str(stand_in))
    monkeypatch.setattr(trials, "content", history)
    small.write("search.yaml", SPACE)
    small.write("params.yaml", PARAMS.read_text())
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
    project.write("judge.py", "# changed")
    result = run()
    assert result.exit_code == 1
    assert "commit your changes" in result.stderr


HEADER = "metric: validation_auc\ndirection: maximize\nparams:\n"
FIRST = "  train.learning_rate: "


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SPACE.replace("maximize", "up"), "direction = 'up'"),
        (SPACE.replace("low: 1e-3, ", ""), "params.train.learning_rate.low = {'high': 0.1, 'log':"),
        (SPACE.replace("metric: validation_auc", "goal: x"), "metric"),
        (SPACE.replace("validation_auc", "auc"), "metric = 'auc': must be one of train_loss, vali"),
        ("", "expected metric, direction and params, found None"),
        (HEADER + "  {}\n", "params = {}: "),
        (HEADER + "  train.rate: [1]\n", "params.train.rate: params.yaml has no such key; do you"),
        (HEADER + "  train: [1]\n", "params.train: params.yaml has no such key"),
        (HEADER + "  1: [1]\n", "params.1 = 1: "),
        (HEADER + FIRST + "3\n", " = 3: must be a list of values, or a range with low and high"),
        (HEADER + FIRST + "[]\n", " = []: "),
        (HEADER + FIRST + "[[0.1]]\n", ".0 = [0.1]: must be a number, a text, true or false"),
        (HEADER + FIRST + "[0.1, a]\n", "train.learning_rate = 'a': must be a number above 0"),
        (HEADER + FIRST + "[0.1, 0.1]\n", "0.1 is listed twice; name it once"),
        (HEADER + FIRST + "{low: 2, high: 1}\n", "low is above high; swap them"),
        (HEADER + FIRST + "{low: 0, high: 1, log: true}\n", "log needs a low above 0"),
        (HEADER + FIRST + "{low: 1, high: 2, log: true, step: 1}\n", "log and step do not go tog"),
        (HEADER + FIRST + "{low: 0.1, high: 1.0, step: 0}\n", "step must be a number above 0"),
        (HEADER + FIRST + "{low: 0.1, high: 1.0, step: 0.4}\n", "the steps from low do not meet "),
        (HEADER + FIRST + "{low: 1, high: 2, step: 0.5}\n", "step must be an integer above 0"),
        (HEADER + FIRST + "{low: 1, high: .inf}\n", "high = inf: must be a finite number"),
        (HEADER + FIRST + "{low: 0.0, high: 1.0}\n", "train.learning_rate = 0.0: must be a numb"),
        (HEADER + FIRST + "{low: 1, high: 2, setp: 1}\n", "setp = 1: "),
        (HEADER + "  model.dropout: {low: 0.5, high: 1.0}\n", "model.dropout = 1.0: must be a num"),
        (HEADER + "  model.top_layers: [64]\n", "model.top_layers = 64: must be a list of"),
        (HEADER + "  train.task: [regression]\n", "metric = 'validation_auc': must be one of tra"),
        (
            HEADER + "  train.embedding_optimizer: [adam, rowwise_adagrad]\n"
            "  model.embedding_dimension: {low: 8, high: 32}\n",
            "model.embedding_dimension = 9: train.embedding_optimizer = rowwise_adagrad needs a m",
        ),
    ],
)
def test_a_bad_space_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "search.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        trials.read_space(path, PARAMS)
    assert problem in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_bad_space_is_refused_before_the_first_trial(project: SmallProject) -> None:
    project.write("search.yaml", SPACE.replace("low: 1e-3", "low: 0"))
    result = run()
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: search.yaml: params.train.learning_rate = ")
    assert result.stderr.count("\n") == 1
    assert not Path("search").exists()


def test_a_value_is_not_rounded_beyond_its_range(tmp_path: Path) -> None:
    path = tmp_path / "search.yaml"
    path.write_text(HEADER + "  model.dropout: {low: 0.9998, high: 0.9999}\n")
    (values, *_) = trials.read_space(path, PARAMS).examples()
    assert values == {"model.dropout": 0.9998}


def test_a_damaged_journal_is_one_line(project: SmallProject) -> None:
    Path("search").mkdir()
    Path("search/trials.log").write_text('{"op_code": 0, "worker_id": 1}\n')
    result = run("--trials", "1")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: search/trials.log is damaged; remove it to begin the search anew\n"
    )


@pytest.mark.parametrize("minutes", ["nan", "inf"])
def test_an_endless_budget_is_refused(project: SmallProject, minutes: str) -> None:
    assert run("--minutes", minutes).stderr == (
        f"Error: --minutes {minutes}: give a finite number\n"
    )


@pytest.mark.parametrize("line", ["", "epoch 1:  20%|##  | 3/9", "auc 0.7", "epoch 2  going on"])
def test_other_lines_are_no_epochs(line: str) -> None:
    assert trials.parse_epoch(line) == {}
    assert trials.parse_epoch("epoch 2  train_loss 0.5\n") == {"epoch": 2, "train_loss": 0.5}
