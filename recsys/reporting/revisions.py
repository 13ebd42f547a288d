"""What Git has."""

import subprocess
from contextlib import suppress
from pathlib import Path

import dvc.api
from dvc.exceptions import DvcException


def git(*arguments: str, folder: Path = Path()) -> str:
    """The output of a git command.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def committed(path: str, revision: str = "HEAD", folder: Path = Path()) -> str | None:
    """The text of a file in a commit; None where it has none."""
    done = subprocess.run(
        ["git", "-C", str(folder), "show", f"{revision}:./{path}"], capture_output=True, text=True
    )
    return None if done.returncode else done.stdout


def content(path: str, revision: str | None) -> str | None:
    """The text of a file in Git or in DVC's cache; None where it is in neither.

    Args:
        revision: of Git; None is the workspace.
    """
    if revision is None:
        return Path(path).read_text() if Path(path).is_file() else None
    text = committed(path, revision)
    if text is None:
        with suppress(DvcException, OSError):
            text = dvc.api.read(path, rev=revision)
    return text
