"""Git's commits, and the files of a commit that Git or DVC keeps."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import dvc.api
from dvc.exceptions import DvcException

from recsys.common.errors import InputError

# The files that tell one run from another.
RUN = ("params.yaml", "dvc.lock", "metrics")
T = TypeVar("T")


def git(*arguments: str, folder: Path = Path()) -> str:
    """The output of a git command.

    Raises:
        InputError: there is no Git, or no repository that it may read.
        subprocess.CalledProcessError: it failed, and printed why.
    """
    done = _run(*arguments, folder=folder)
    if done.returncode:
        check_repository(folder)
        sys.stderr.write(done.stderr)
    done.check_returncode()
    return done.stdout


def check_repository(folder: Path) -> None:
    """Check that Git reads the repository of a folder.

    A command such as `git diff` has other messages than these where it finds no repository.

    Raises:
        InputError: there is no Git, no repository, or it belongs to another user.
    """
    done = _run("rev-parse", "--git-dir", folder=folder)
    here = folder.absolute()
    if "dubious ownership" in done.stderr:
        top = next((p for p in (here, *here.parents) if (p / ".git").exists()), here)
        raise InputError(
            f"{here} belongs to another user, so Git does not read it; if you trust it: "
            f"git config --global --add safe.directory {top}"
        )
    if done.returncode:
        raise InputError(f"{here} has no Git commit, which is needed here: `git init` and commit")


def _run(*arguments: str, folder: Path = Path()) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(folder), *arguments]
    # In English, because messages are read here. Files in Git may have any bytes.
    environment = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            command, capture_output=True, env=environment, encoding="utf-8", errors="replace"
        )
    except FileNotFoundError as error:
        raise InputError("the program git is not there; install it") from error


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


def name_workspace() -> str:
    """The short hash of HEAD, and whether the workspace has another run."""
    return find_commit("HEAD") + (" with changes" if run_is_changed() else "")


def committed(path: str, revision: str = "HEAD") -> str | None:
    """The text of a file that Git keeps; None where the commit has none."""
    done = _run("show", f"{revision}:./{path}")
    return None if done.returncode else done.stdout


def unless_damaged(read: Callable[[], T]) -> tuple[T | None, str]:
    """The result of reading a commit, and ""; or None and the reason, if a file is damaged."""
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
