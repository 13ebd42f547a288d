"""`recsys search`, with a stand-in for DVC that trains nothing."""

import json
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner, Result
from optuna.trial import TrialState

from recsys.cli import search
from recsys.cli.trials import experiment, space, study
from tests.conftest import PARAMS
from tests.errors import error_of, refused
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
# Holds the lock of a search.
HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("runs", flush=True)
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
    monkeypatch.setattr(study, "content", history)
    small.write("search.yaml", SPACE)
    small.write("params.yaml", PARAMS.read_text())
    small.write(".gitignore", "/data/\n/search/\n")
    small.commit()
    return small


def use_dvc(monkeypatch: pytest.MonkeyPatch, *python: str) -> None:
    """Run `python ...` with the arguments of DVC in its place."""
    for module in (search, experiment):
        monkeypatch.setattr(module, "dvc", lambda *a: [sys.executable, *python, *a])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(search.main, arguments)


def calls() -> list[list[str]]:
    return [json.loads(line) for line in Path("search/calls").read_text().splitlines()]


def tried() -> list[optuna.trial.FrozenTrial]:
    storage = study.open_storage()
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
    tried_space = space.read_space(Path("search.yaml"))
    trial = study.open_study(tried_space).ask(tried_space.distributions)
    killed = tried_space.rounded(trial.params)
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
    assert "commit your changes" in error_of("search")


HEADER = "metric: validation_auc\ndirection: maximize\nparams:\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "search = None: must be a section with the keys metric, direction, params"),
        (SPACE.replace("maximize", "up"), "direction = 'up'"),
        (SPACE.replace("metric: validation_auc", "goal: x"), "metric"),
        (SPACE.replace("validation_auc", "auc"), "metric = 'auc': must be one of train_loss, vali"),
        (HEADER + "  {}\n", "params = {}: "),
        (HEADER + "  train.rate: [1]\n", "train.rate = 1: no such key; allowed: "),
        (HEADER + "  train: [1]\n", "no such key; allowed: "),
        (HEADER + "  1: [1]\n", "params.1.'[key]' = 1: "),
        (
            HEADER + "  train.patience: {low: 1, high: 2, step: 0.5}",
            "train.patience = 1.0: must be",
        ),
        (HEADER + "  model.dropout: {low: 0.5, high: 1.0}\n", "model.dropout = 1.0: must be a num"),
        (HEADER + "  model.top_layers: [64]\n", "model.top_layers = 64: must be a list of"),
        (
            HEADER.replace("auc", "rmse") + "  train.thresholds: [all, label]\n",
            "metric = 'validation_rmse': must be one of train_loss, validation_auc, validation_log_"
            "loss (train.thresholds: label)",
        ),
        (
            HEADER + "  train.embedding_optimizer: [adam, rowwise_adagrad]\n"
            "  model.embedding_dimension: {low: 8, high: 32}\n",
            "model.embedding_dimension = 9: train.embedding_optimizer = rowwise_adagrad needs a m",
        ),
    ],
)
def test_a_bad_space_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    assert_refused(tmp_path / "search.yaml", text, problem)


def assert_refused(path: Path, text: str, problem: str) -> None:
    path.write_text(text)
    with refused(problem) as error:
        space.read_space(path, PARAMS)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ("3", " = 3: cannot be tried; write a list of values, or"),
        ("[]", " = []: "),
        ("[[0.1]]", "; a list has numbers, texts, true or false"),
        ("[0.1, a]", " = 'a': must be a number above 0"),
        ("{high: 1}", "argument: 'low'; a range has"),
        ("{low: 1, high: 2, setp: 1}", "argument 'setp'; a range has low"),
        ("{low: 2, high: 1}", "`low <= high` must hold, but"),
        ("{low: 0, high: 1, log: true}", "; a range has low and high"),
        ("{low: 1.0, high: 2, log: true, step: 1}", "; a range has low and high"),
        ("{low: 0.1, high: 1.0, step: 0}", "`step > 0` must hold"),
        ("{low: 0.1, high: 1.0, step: 0.4}", "is not divisible by `step`"),
        ("{low: 1, high: .inf}", " = inf: must"),
        ("{low: 0.0, high: 1.0}", " = 0.0: must be a numb"),
    ],
)
def test_bad_values_to_try_are_one_line(tmp_path: Path, values: str, problem: str) -> None:
    text = f"{HEADER}  train.learning_rate: {values}\n"
    assert_refused(tmp_path / "search.yaml", text, problem)


def test_a_bad_space_is_refused_before_the_first_trial(project: SmallProject) -> None:
    project.write("search.yaml", SPACE.replace("low: 1e-3", "low: 0"))
    assert error_of("search").startswith("search.yaml: params.train.learning_rate = ")
    assert not Path("search").exists()


def test_a_value_is_not_rounded_beyond_its_range(tmp_path: Path) -> None:
    path = tmp_path / "search.yaml"
    path.write_text(HEADER + "  model.dropout: {low: 0.9998, high: 0.9999}\n")
    found = space.read_space(path, PARAMS)
    assert found.rounded({"model.dropout": 0.99985}) == {"model.dropout": 0.99985}
    path.write_text(HEADER + "  train.learning_rate: {low: 0.1, high: 0.9}\n")
    found = space.read_space(path, PARAMS)
    assert found.rounded({"train.learning_rate": 0.123456}) == {"train.learning_rate": 0.123}


def test_a_damaged_journal_is_one_line(project: SmallProject) -> None:
    Path("search").mkdir()
    Path("search/trials.log").write_text('{"op_code": 0, "worker_id": 1}\n')
    damaged = "search/trials.log is damaged; remove it to begin the search anew"
    assert error_of("search", "--trials", "1") == damaged


def test_a_second_search_is_refused_while_one_runs_and_a_killed_one_leaves_no_lock(
    project: SmallProject,
) -> None:
    """The first is another process, whose trial goes on."""
    values = space.read_space(Path("search.yaml"))
    study.open_study(values).ask(values.distributions)
    command = [sys.executable, "-c", HOLD, str(study.LOCK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"runs\n"
        assert error_of("search", "--trials", "1") == (
            "another `recsys search` runs in this checkout; wait for its end, or end it"
        )
        assert [trial.state for trial in tried()] == [TrialState.RUNNING]
        other.kill()
    assert run("--trials", "1").exit_code == 0
    assert [trial.state for trial in tried()] == [TrialState.FAIL, TrialState.COMPLETE]


@pytest.mark.parametrize("minutes", ["nan", "inf"])
def test_an_endless_budget_is_refused(project: SmallProject, minutes: str) -> None:
    error = error_of("search", "--minutes", minutes)
    assert error == f"--minutes {minutes}: give a finite number"


@pytest.mark.parametrize("line", ["", "epoch 1:  20%|##  | 3/9", "auc 0.7", "epoch 2  going on"])
def test_other_lines_are_no_epochs(line: str) -> None:
    assert experiment.parse_epoch(line) == {}
    assert experiment.parse_epoch("epoch 2  train_loss 0.5\n") == {"epoch": 2, "train_loss": 0.5}
