"""An error that a user can correct is one line."""

import errno
import signal

import click
import pytest
from click.testing import CliRunner

from recsys.common.command import command
from recsys.common.errors import InputError

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("params.yaml: no"), "Error: params.yaml: no"),
        (MemoryError(), "Error: not enough memory: a smaller release"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Error: not enough memory"),
        (ImportError("x.so: failed to map segment from shared object"), "Error: not enough"),
        (FULL, "Error: the disk of /"),
        (KeyboardInterrupt(), "Aborted!"),
    ],
)
def test_an_error_is_one_line(error: BaseException, line: str) -> None:
    def fail() -> None:
        raise error

    result = CliRunner().invoke(command(fail))
    assert result.exit_code == 1
    # click ends the line of the terminal's ^C first.
    output = result.output.removeprefix("\n")
    assert output.startswith(line)
    assert output.count("\n") == 1


def test_ctrl_c_reaches_a_command_that_a_guarded_stage_runs() -> None:
    cleared = []

    def interrupt() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            cleared.append(True)

    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        result = CliRunner().invoke(command(interrupt))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, result.output, cleared) == (1, "\nAborted!\n", [True])


def test_a_bug_is_raised() -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    assert isinstance(command(fail), click.Command)
    assert isinstance(CliRunner().invoke(command(fail)).exception, RuntimeError)
