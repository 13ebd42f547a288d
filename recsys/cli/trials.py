"""Trials of a search: Optuna picks the values, and each trial is a DVC experiment."""

import hashlib
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, cast

import click
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.cli.project import child_environment, dvc
from recsys.common.errors import InputError
from recsys.common.params import read_yaml
from recsys.reporting.revisions import content, git

HISTORY = "models/history.csv"
JOURNAL = Path("search/trials.log")
Value = float | int | str | bool


class Range(BaseModel):
    """Numbers from low to high; integers if both of these are integers."""

    model_config = ConfigDict(extra="forbid")
    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = int(self.step or 1)
            return trial.suggest_int(name, self.low, self.high, log=self.log, step=step)
        value = trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)
        # Three digits: people read params.yaml.
        return float(f"{value:.3g}")


class Space(BaseModel):
    """The content of search.yaml."""

    model_config = ConfigDict(extra="forbid")
    metric: str
    direction: Literal["maximize", "minimize"]
    params: dict[str, list[Value] | Range]

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        suggested: dict[str, Value] = {}
        for name, values in self.params.items():
            if isinstance(values, Range):
                suggested[name] = values.suggest(trial, name)
            else:
                suggested[name] = cast("Value", trial.suggest_categorical(name, values))
        return suggested


def read_space(path: Path) -> Space:
    """Raises: InputError: the file cannot be read, or a value in it is wrong."""
    try:
        return Space.model_validate(read_yaml(path))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or "content"
        raise InputError(f"{path}: {key} = {problem['input']!r}: {problem['msg']}") from error


def open_study(space: Space) -> optuna.Study:
    """The study of this commit and this space: scores of other code are not comparable."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    identity = git("rev-parse", "HEAD") + space.model_dump_json()
    study = optuna.create_study(
        storage=storage(),
        study_name=f"trial-{hashlib.sha256(identity.encode()).hexdigest()[:6]}",
        direction=space.direction,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
        load_if_exists=True,
    )
    # A search that continues must not draw the same numbers again.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        # Its search was killed: run it again.
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def storage() -> JournalStorage:
    JOURNAL.parent.mkdir(exist_ok=True)
    return JournalStorage(JournalFileBackend(str(JOURNAL)))


def finished_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE,))


def run_trials(
    study: optuna.Study, space: Space, trials: int | None, minutes: float | None
) -> None:
    """Run trials until the number or the time is used up. A trial may fail."""

    def objective(trial: optuna.Trial) -> float:
        return run_trial(trial, f"{study.study_name}-{trial.number}", space)

    seconds = minutes and minutes * 60
    study.optimize(objective, trials, seconds, catch=(subprocess.CalledProcessError,))


def run_trial(trial: optuna.Trial, name: str, space: Space) -> float:
    """The best validation metric of an experiment.

    Raises:
        optuna.TrialPruned: it was worse than the median and was stopped.
        subprocess.CalledProcessError: it failed.
    """
    values = space.suggest(trial)
    for key, value in values.items():
        trial.set_user_attr(key, value)
    click.echo(f"{name}: " + "  ".join(f"{key} {value}" for key, value in values.items()))
    with experiment(name, values) as lines:
        for line in lines:
            record = parse_epoch(line)
            if space.metric in record:
                trial.report(record[space.metric], int(record["epoch"]))
                if trial.should_prune():
                    click.echo(f"{name}: stopped after epoch {record['epoch']:.0f}")
                    raise optuna.TrialPruned
    # A run that comes from DVC's cache prints no epochs, but has the file.
    history = pd.read_csv(io.StringIO(content(HISTORY, name) or ""))[space.metric]
    score = float(history.max() if space.direction == "maximize" else history.min())
    click.echo(f"{name}: {space.metric} {score:.5f}")
    return score


@contextmanager
def experiment(name: str, values: dict[str, Value]) -> Iterator[Iterator[str]]:
    """Yield the lines that `dvc exp run` prints; at the end, stop it and all that it started."""
    sets = [f"--set-param={key}={value}" for key, value in values.items()]
    command = dvc("exp", "run", "--temp", "--name", name, *sets)
    log: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=child_environment(),
    ) as process:
        assert process.stdout is not None
        try:
            yield logged(process.stdout, log)
            if process.wait():
                click.echo("".join(log[-10:]), err=True)
                raise subprocess.CalledProcessError(process.returncode, command)
        finally:
            stop(process)


def logged(lines: Iterator[str], log: list[str]) -> Iterator[str]:
    for line in lines:
        log.append(line)
        yield line


def stop(process: subprocess.Popen[str]) -> None:
    """Interrupt DVC, which then clears up, and kill what is left after ten seconds."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def parse_epoch(line: str) -> dict[str, float]:
    """`epoch 1  train_loss 0.6  validation_auc 0.7` as numbers; {} for any other line."""
    if not line.startswith("epoch "):
        return {}
    with suppress(ValueError):
        return {name: float(value) for name, value in map(str.split, line.split("  "))}
    return {}
