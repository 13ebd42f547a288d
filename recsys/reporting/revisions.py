"""Git's commits, and the files of them that Git or DVC keeps."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import dvc.api
from dvc.exceptions import DvcException

from recsys.common.errors import InputError

# The files that tell one run from another.
RUN = ("params.yaml", "dvc.lock", "metrics")
T = TypeVar("T")
# Git keeps whatever was committed.
TEXT: Any = {"encoding": "utf-8", "errors": "replace"}


def git(*arguments: str, folder: Path = Path()) -> str:
    """The output of a git command.

    Raises:
        InputError: there is no Git, or no repository that it may read.
        subprocess.CalledProcessError: it failed.
    """
    command = ["git", "-C", str(folder), *arguments]
    # Git says in the user's language what went wrong, but here it is read.
    environment = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, **TEXT)
    except FileNotFoundError as error:
        raise InputError("the program git is not there; install it") from error
    here = folder.absolute()
    if "not a git repository" in done.stderr:
        raise InputError(f"{here} has no Git commit, which is needed here: `git init` and commit")
    if "dubious ownership" in done.stderr:
        raise InputError(
            f"{here} belongs to another user, so Git does not read it; if you trust it: "
            f"git config --global --add safe.directory {find_repository(here)}"
        )
    sys.stderr.write(done.stderr)
    done.check_returncode()
    output: str = done.stdout
    return output


def find_repository(folder: Path) -> Path:
    """The nearest folder upwards that has a .git."""
    return next((p for p in (folder, *folder.parents) if (p / ".git").exists()), folder)


def find_commit(revision: str) -> str:
    """The short hash of a commit, by a branch, a tag or another of its names.

    Raises:
        InputError: there is no such commit.
    """
    try:
        return git("rev-parse", "--quiet", "--short", "--verify", f"{revision}^{{commit}}").strip()
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"{revision}: no such commit in this repository; name another, or `git fetch` it"
        ) from error


def run_is_changed() -> bool:
    """Whether the workspace has another run than HEAD."""
    return bool(git("status", "--porcelain", "--", *RUN))


def describe_workspace() -> str:
    """The short hash of HEAD, and whether the workspace has another run."""
    return find_commit("HEAD") + (" with changes" if run_is_changed() else "")


def committed(path: str, revision: str = "HEAD") -> str | None:
    """The text of a file that Git keeps; None where the commit has none."""
    done = subprocess.run(["git", "show", f"{revision}:./{path}"], capture_output=True, **TEXT)
    return None if done.returncode else done.stdout


def unless_damaged(read: Callable[[], T]) -> tuple[T | None, str]:
    """What was read of a commit, and ""; or None and the reason, if a file is damaged there."""
    try:
        return read(), ""
    except InputError as error:
        return None, f"Not compared: {error}."


def content(path: str, revision: str) -> str | None:
    """The text of a file that Git or DVC's cache keeps; None where neither does."""
    with suppress(DvcException, OSError):
        text: str = dvc.api.read(path, rev=revision)
        return text
    return None
