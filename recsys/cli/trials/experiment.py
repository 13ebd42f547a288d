"""A trial as an experiment of DVC, which is watched while it runs."""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import click

from recsys.cli.project import child_environment, dvc


@contextmanager
def run_experiment(name: str, values: Mapping[str, object]) -> Iterator[Iterator[str]]:
    """Yield the lines that `dvc exp run` prints; at the end, stop it and all that it started.

    Raises:
        subprocess.CalledProcessError: it failed, and its last lines were printed.
    """
    sets = [f"--set-param={key}={value}" for key, value in values.items()]
    command = dvc("exp", "run", "--temp", "--name", name, *sets)
    last: deque[str] = deque(maxlen=10)
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
            yield _remember(process.stdout, last)
            if process.wait():
                click.echo("".join(last), err=True)
                raise subprocess.CalledProcessError(process.returncode, command)
        finally:
            _stop(process)


def _remember(lines: Iterator[str], last: deque[str]) -> Iterator[str]:
    for line in lines:
        last.append(line)
        yield line


def _stop(process: subprocess.Popen[str]) -> None:
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
