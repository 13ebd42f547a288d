"""Trials of a search: Optuna picks the values, and each trial is a DVC experiment."""

import hashlib
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from typing import Annotated, Literal, cast

import click
import numpy as np
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
    model_validator,
)

from recsys.cli.project import child_environment, dvc
from recsys.common.errors import InputError
from recsys.common.params import read_yaml, show, show_key
from recsys.common.rating_scale import WHOLE_STARS
from recsys.pipeline.params import SECTIONS, parse_params
from recsys.pipeline.recipes import apply_changes
from recsys.reporting.runs.git import content, git
from recsys.tasks.task import make_task
from recsys.training.params import TrainParams

HISTORY = "models/history.csv"
JOURNAL = Path("search/trials.log")
Value = float | int | str | bool
Changes = dict[str, dict[str, Value]]
# How many combinations of values are checked before the first trial.
MOST_COMBINATIONS = 200


def _all_different(values: list[Value]) -> list[Value]:
    for value in values:
        if sum(value == other for other in values) > 1:
            raise ValueError(f"{value} is listed twice; name it once")
    return values


Values = Annotated[
    list[StrictInt | StrictFloat | StrictBool | StrictStr],
    Field(min_length=1, max_length=100),
    AfterValidator(_all_different),
]
Number = StrictInt | StrictFloat
# The names that pydantic gives to the types in a union.
INNER_NAMES = ("list", "range", "int", "float", "bool", "str", "[key]")
TYPE_MESSAGES = (
    ({"missing"}, "needs this key"),
    ({"finite_number"}, "must be a finite number"),
    ({"int_type", "string_type"}, "must be a number, a text, true or false"),
    ({"int_type", "float_type"}, "must be a number"),
    ({"model_type"}, "must be a list of values, or a range with low and high"),
)


class Range(BaseModel):
    """Numbers from low to high; integers if both of these are integers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    low: Number
    high: Number
    log: StrictBool = False
    step: Number | None = None

    @model_validator(mode="after")
    def _can_be_drawn(self) -> "Range":
        """Refuse what Optuna refuses, and what it would change with a warning."""
        if self.low > self.high:
            raise ValueError("low is above high; swap them")
        if self.log and self.low <= 0:
            raise ValueError("log needs a low above 0")
        if self.log and self.step is not None:
            raise ValueError("log and step do not go together; remove one")
        if self.step is not None:
            if self.step <= 0 or (self.whole and self.step % 1):
                kind = "an integer" if self.whole else "a number"
                raise ValueError(f"step must be {kind} above 0")
            # As written: 0.1 is a tenth here.
            low, high, step = (Fraction(str(x)) for x in (self.low, self.high, self.step))
            if (high - low) % step:
                raise ValueError("the steps from low do not meet high; change one of them")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        if self.whole:
            step = int(self.step or 1)
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log, step=step)
        return self._rounded(
            trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)
        )

    def examples(self) -> list[Value]:
        """The ends of the range, and of integers the first few: all kinds that it may suggest."""
        if self.whole:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return [*range(low, min(high, low + 4 * step), step), high]
        return [self._rounded(float(self.low)), self._rounded(float(self.high))]

    def _rounded(self, value: float) -> float:
        """Three digits, for people read params.yaml, unless these lie outside of the range."""
        short = float(f"{value:.3g}")
        return short if self.low <= short <= self.high else value


Choice = Annotated[
    Annotated[Values, Tag("list")] | Annotated[Range, Tag("range")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "range"),
]


class Space(BaseModel):
    """The content of search.yaml."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    metric: str
    direction: Literal["maximize", "minimize"]
    params: Annotated[dict[str, Choice], Field(min_length=1)]

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        suggested: dict[str, Value] = {}
        for name, values in self.params.items():
            if isinstance(values, Range):
                suggested[name] = values.suggest(trial, name)
            else:
                suggested[name] = cast("Value", trial.suggest_categorical(name, values))
        return suggested

    def examples(self) -> Iterator[dict[str, Value]]:
        """Combinations of values, such that each value is in one: many, but not all."""
        values = {
            name: v.examples() if isinstance(v, Range) else v for name, v in self.params.items()
        }
        for i in range(max(map(len, values.values()))):
            yield {name: v[i % len(v)] for name, v in values.items()}
        for combination in islice(product(*values.values()), MOST_COMBINATIONS):
            yield dict(zip(values, combination, strict=True))


def read_space(path: Path, params: Path = Path("params.yaml")) -> Space:
    """Read search.yaml, and check that its values can be tried.

    Args:
        params: the file with the values of the params that are not searched.

    Raises:
        InputError: a file cannot be read, or a value in it is wrong.
    """
    base = read_yaml(params)
    parse_params(base, params)
    try:
        space = Space.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError(f"{path}: {_describe(error)}") from error
    check_names(space, path)
    for values in space.examples():
        changes: Changes = {}
        for name, value in values.items():
            section, key = name.split(".")
            changes.setdefault(section, {})[key] = value
        tried = parse_params(apply_changes(cast("Changes", base), changes), path)
        check_metric(space.metric, tried[TrainParams].task, path)
    return space


def check_names(space: Space, path: Path) -> None:
    """Raises: InputError: params.yaml has no key of a name."""
    known = [f"{section.name}.{key}" for section in SECTIONS for key in section.model_fields]
    for name in space.params:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; do you mean {near[0]}?" if near else ""
            raise InputError(f"{path}: params.{show_key(name)}: params.yaml has no such key{hint}")


def check_metric(metric: str, task: str, path: Path) -> None:
    """Raises: InputError: training does not report the metric."""
    example = np.array([0, 1], np.float32)
    metrics = make_task(task, WHOLE_STARS).validate(example, example)
    reported = ["train_loss", *(f"validation_{name}" for name in metrics)]
    if metric not in reported:
        raise InputError(
            f"{path}: metric = {show(metric)}: must be one of {', '.join(reported)} (train.task: "
            f"{task})"
        )


def _describe(error: ValidationError) -> str:
    """The first problem that pydantic found, as "KEY = VALUE: what is wrong"."""
    problems = error.errors()
    first = problems[0]
    names = [place for place in first["loc"] if place not in INNER_NAMES]
    if not names:
        return f"expected metric, direction and params, found {show(first['input'])}"
    key = ".".join(map(show_key, names))
    # A value that may have several types has a problem for each of them.
    kinds = {problem["type"] for problem in problems if problem["input"] is first["input"]}
    message = next(
        (text for needed, text in TYPE_MESSAGES if kinds >= needed),
        first["msg"].removeprefix("Value error, "),
    )
    return f"{key} = {show(first['input'])}: {message}"


def open_study(space: Space) -> optuna.Study:
    """The study of this commit and this space: scores of other code are not comparable.

    Raises:
        InputError: the journal of the earlier trials is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    identity = git("rev-parse", "HEAD") + space.model_dump_json()
    try:
        study = optuna.create_study(
            storage=storage(),
            study_name=f"trial-{hashlib.sha256(identity.encode()).hexdigest()[:6]}",
            direction=space.direction,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
            load_if_exists=True,
        )
    except OSError:
        raise
    # Optuna takes the lines of the journal as they are, so a damaged one raises anything.
    except Exception as error:
        raise InputError(f"{JOURNAL} is damaged; remove it to begin the search anew") from error
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
    text = content(HISTORY, name)
    if not text or space.metric not in text.splitlines()[0].split(","):
        raise InputError(f"{HISTORY} of {name} has no {space.metric}; run it again")
    history = pd.read_csv(io.StringIO(text))[space.metric]
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
