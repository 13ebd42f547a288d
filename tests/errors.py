"""Errors as a user sees them: one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from recsys.cli.main import main
from recsys.common.errors import InputError


@contextmanager
def refused(text: str) -> Iterator[pytest.ExceptionInfo[InputError]]:
    """The block raises an InputError, whose one short line has a text."""
    with pytest.raises(InputError) as error:
        yield error
    message = str(error.value)
    assert text in message
    assert "\n" not in message
    assert len(message) < 1500


def error_of(*arguments: str) -> str:
    """The one line with which a command fails, without "Error: "."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")
