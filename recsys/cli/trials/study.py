"""The study of a search: Optuna draws the values, and each trial is a DVC experiment."""

import fcntl
import hashlib
import io
import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from recsys.cli.trials.experiment import parse_epoch, run_experiment
from recsys.cli.trials.space import Space
from recsys.common.errors import InputError
from recsys.reporting.runs.git import content, git

HISTORY = "models/history.csv"
JOURNAL, LOCK = Path("search/trials.log"), Path("search/lock")


@contextmanager
def single_search() -> Iterator[None]:
    """Refuse a second search of this checkout, which would take the running trial for a dead one.

    The kernel releases the lock when the process ends, also if it is killed.

    Raises:
        InputError: another search runs.
    """
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                "another `recsys search` runs in this checkout; wait for its end, or end it"
            ) from error
        yield


def open_study(space: Space) -> optuna.Study:
    """The study of this commit and this space: scores of other code are not comparable.

    Raises:
        InputError: the journal of the earlier trials is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    identity = git("rev-parse", "HEAD") + space.identity
    try:
        study = optuna.create_study(
            storage=open_storage(),
            study_name=f"trial-{hashlib.sha256(identity.encode()).hexdigest()[:6]}",
            direction=space.direction,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
            load_if_exists=True,
        )
    except OSError:
        raise
    # Optuna does not check the lines of the journal, so a damaged one raises anything.
    except Exception as error:
        raise InputError(f"{JOURNAL} is damaged; remove it to begin the search anew") from error
    # A search that continues must not draw the same numbers again.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        # Its search was killed: run it again.
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def open_storage() -> JournalStorage:
    JOURNAL.parent.mkdir(exist_ok=True)
    return JournalStorage(JournalFileBackend(str(JOURNAL)))


def finished_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE,))


def run_trials(
    study: optuna.Study, space: Space, trials: int | None, minutes: float | None
) -> None:
    """Run trials until the number or the time is used up. A trial may fail."""
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    left = math.inf if trials is None else trials
    while left > 0 and time.monotonic() < end:
        left -= 1
        trial = study.ask(space.distributions)
        try:
            study.tell(trial, run_trial(trial, f"{study.study_name}-{trial.number}", space))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except subprocess.CalledProcessError:
            study.tell(trial, state=TrialState.FAIL)


def run_trial(trial: optuna.Trial, name: str, space: Space) -> float:
    """The best validation metric of an experiment.

    Raises:
        optuna.TrialPruned: it was worse than the median and was stopped.
        subprocess.CalledProcessError: it failed.
    """
    values = space.rounded(trial.params)
    for key, value in values.items():
        trial.set_user_attr(key, value)
    click.echo(f"{name}: " + "  ".join(f"{key} {value}" for key, value in values.items()))
    with run_experiment(name, values) as lines:
        for line in lines:
            record = parse_epoch(line)
            if space.metric in record:
                trial.report(record[space.metric], int(record["epoch"]))
                if trial.should_prune():
                    click.echo(f"{name}: stopped after epoch {record['epoch']:.0f}")
                    raise optuna.TrialPruned
    # A run that comes from DVC's cache prints no epochs, but has the file.
    text = content(HISTORY, name)
    if not text or space.metric not in text.splitlines()[0].split(","):
        raise InputError(f"{HISTORY} of {name} has no {space.metric}; run it again")
    history = pd.read_csv(io.StringIO(text))[space.metric]
    score = float(history.max() if space.direction == "maximize" else history.min())
    click.echo(f"{name}: {space.metric} {score:.5f}")
    return score
