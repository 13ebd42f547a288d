"""What a user can do something about is one line."""

import errno
import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from recsys.common import atomic
from recsys.common.command import command
from recsys.common.errors import InputError
from tests.imports import ROOT

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("params.yaml: no"), 1, "Error: params.yaml: no"),
        (MemoryError(), 1, "Error: not enough memory: a smaller release"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "Error: not enough memory"),
        (ImportError("x.so: failed to map segment from shared object"), 1, "Error: not enough"),
        (FULL, 1, "Error: /dev/shm: the disk is full"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(atomic, "_is_full", lambda folder: folder.name == "shm")
    result = CliRunner().invoke(command(fail))
    assert result.exit_code == code
    assert result.output.startswith(line)
    assert result.output.count("\n") == bool(line)


def test_a_bug_is_no_line() -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    assert isinstance(command(fail), click.Command)
    assert isinstance(CliRunner().invoke(command(fail)).exception, RuntimeError)


@pytest.mark.parametrize("program", ["stages.evaluate", "recsys"])
def test_ctrl_c_is_one_line_while_modules_are_imported(program: str) -> None:
    """It stands in the middle of them: `-X importtime` says which are done."""
    running = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", program, "card"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert running.stderr is not None
    with running:
        for line in running.stderr:
            if "recsys.common.atomic" in line:
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
    assert running.returncode == 130
    assert [line for line in rest.splitlines() if "import time:" not in line] == ["interrupted"]
