"""The commands in a folder that Git does not read: one line with the remedy, and no more."""

import shutil

import pytest

from tests.errors import error_of
from tests.small import SmallProject

COMMANDS = ("card", "comment HEAD", "demo", "report", "resolve", "verify")


@pytest.mark.parametrize("command", [*COMMANDS, "check-lock"])
def test_a_project_without_a_repository_is_one_line(small: SmallProject, command: str) -> None:
    shutil.rmtree(".git")
    message = f"{small.folder} has no Git commit, which is needed here: `git init` and commit"
    assert error_of(*command.split()) == message


# card reads the params first, which the small project lacks.
@pytest.mark.parametrize("command", COMMANDS[1:])
def test_a_repository_of_another_user_is_one_line(
    small: SmallProject, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git then treats the folder as no repository; DVC reads it."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert error_of(*command.split()) == (
        f"{small.folder} belongs to another user, so Git does not read it; if you trust it: "
        f"git config --global --add safe.directory {small.folder}"
    )
