"""Git's commits, and the files of them that Git or DVC keeps."""

import subprocess
from contextlib import suppress
from pathlib import Path

import dvc.api
from dvc.exceptions import DvcException

from recsys.common.errors import InputError


def git(*arguments: str, folder: Path = Path()) -> str:
    """The output of a git command.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


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


def committed(path: str, revision: str = "HEAD") -> str | None:
    """The text of a file that Git keeps; None where the commit has none."""
    done = subprocess.run(["git", "show", f"{revision}:./{path}"], capture_output=True, text=True)
    return None if done.returncode else done.stdout


def content(path: str, revision: str) -> str | None:
    """The text of a file that Git or DVC's cache keeps; None where neither does."""
    with suppress(DvcException, OSError):
        text: str = dvc.api.read(path, rev=revision)
        return text
    return None
