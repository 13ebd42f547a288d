"""Search the params for the best validation metric, each trial a DVC experiment."""

import hashlib
import io
import os
import signal
import subprocess
import sys
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
from ruamel.yaml import YAML

from recsys.reporting.revisions import content, git

HISTORY = "models/history.csv"
JOURNAL = Path("search/trials.log")
Value = float | int | str | bool


class Range(BaseModel):
    """Numbers from low to high; integers if both are."""

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
        # params.yaml is for people.
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


@click.command()
@click.option("--space", "path", default="search.yaml", type=click.Path(path_type=Path))
@click.option("--trials", type=click.IntRange(min=0), help="At most so many more trials.")
@click.option("--minutes", type=click.FloatRange(min=0), help="No trial starts after so many.")
@click.option("--apply", is_flag=True, help="Put the best trial into the workspace at the end.")
def main(path: Path, trials: int | None, minutes: float | None, apply: bool) -> None:
    """Try params of search.yaml as experiments of this commit.

    Interrupted, it goes on with the same command; trials worse than the median of the others at the
    same epoch are ended. 20 trials if no budget is given.
    """
    if git("status", "--porcelain", "--untracked-files=no"):
        raise click.ClickException(
            "a trial is an experiment of HEAD: commit your changes, or `git restore .`, first"
        )
    text, space = read_space(path)
    study = open_study(text, space)
    if trials is None and minutes is None:
        trials = 20

    def objective(trial: optuna.Trial) -> float:
        return run_trial(trial, f"{study.study_name}-{trial.number}", space)

    # `optimize` would wait for the clock once more.
    if trials != 0:
        study.optimize(
            objective, trials, minutes and minutes * 60, catch=(subprocess.CalledProcessError,)
        )
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    if not finished:
        raise click.ClickException("no trial has finished yet")
    best = f"{study.study_name}-{study.best_trial.number}"
    click.echo(f"best of {len(study.trials)}: {best}, {space.metric} {study.best_value:.5f}")
    for name, value in study.best_trial.user_attrs.items():
        click.echo(f"  {name} = {value}")
    apply_best = ["exp", "apply", best]
    if apply:
        subprocess.run(dvc(*apply_best), check=True)
    else:
        click.echo(f"take it on: dvc {' '.join(apply_best)}")


def read_space(path: Path) -> tuple[str, Space]:
    try:
        text = path.read_text()
        return text, Space.model_validate(YAML(typ="safe", pure=True).load(text))
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise click.ClickException(
            f"{path}: {key} = {problem['input']!r}: {problem['msg']}"
        ) from error


def open_study(text: str, space: Space) -> optuna.Study:
    """That of this commit and this space: scores of other code or data are not comparable."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    digest = hashlib.sha256((git("rev-parse", "HEAD") + text).encode()).hexdigest()[:6]
    study = optuna.create_study(
        storage=storage(),
        study_name=f"trial-{digest}",
        direction=space.direction,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
        load_if_exists=True,
    )
    # Other numbers than when it was begun.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        # Its search was killed.
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def storage() -> JournalStorage:
    JOURNAL.parent.mkdir(exist_ok=True)
    return JournalStorage(JournalFileBackend(str(JOURNAL)))


def run_trial(trial: optuna.Trial, name: str, space: Space) -> float:
    """The best validation metric of an experiment.

    Raises:
        optuna.TrialPruned: it was worse than the median and was ended.
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
                    click.echo(f"{name}: ended after epoch {record['epoch']:.0f}")
                    raise optuna.TrialPruned
    # Also where the run came from DVC's cache and told no epoch.
    history = pd.read_csv(io.StringIO(content(HISTORY, name) or ""))[space.metric]
    score = float(history.max() if space.direction == "maximize" else history.min())
    click.echo(f"{name}: {space.metric} {score:.5f}")
    return score


@contextmanager
def experiment(name: str, values: dict[str, Value]) -> Iterator[Iterator[str]]:
    """What `dvc exp run` prints, line by line; left early, it is ended with all that it started."""
    sets = [f"--set-param={key}={value}" for key, value in values.items()]
    command = dvc("exp", "run", "--temp", "--name", name, *sets)
    log: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield kept(process.stdout, log)
            if process.wait():
                click.echo("".join(log[-10:]), err=True)
                raise subprocess.CalledProcessError(process.returncode, command)
        finally:
            end(process)


def kept(lines: Iterator[str], log: list[str]) -> Iterator[str]:
    for line in lines:
        log.append(line)
        yield line


def end(process: subprocess.Popen[str]) -> None:
    """An interrupt lets DVC clear up; whatever is left after that is killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def parse_epoch(line: str) -> dict[str, float]:
    """`epoch 1  train_loss 0.6  validation_auc 0.7` as numbers; of any other line nothing."""
    if not line.startswith("epoch "):
        return {}
    with suppress(ValueError):
        return {name: float(value) for name, value in map(str.split, line.split("  "))}
    return {}


def dvc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


if __name__ == "__main__":
    main()
