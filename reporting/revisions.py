"""What Git has."""

import subprocess
from pathlib import Path


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
