"""Where a command may write. It is checked before the work, so that no work is lost."""

import os
from pathlib import Path

from recsys.common.errors import InputError

# One of these is in every exported artifact, the second up to version 1.1; and its only folders.
SCORERS = (Path("code/scorer.py"), Path("recsys/serving/artifact/scorer.py"))
ARTIFACT_FOLDERS = {"code", "recsys", "__pycache__"}


def check_file(path: Path) -> None:
    """Raises: InputError: no file can be written there."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a regular file; name another")
    check_parent(path)


def check_artifact(path: Path, checkpoint: Path) -> None:
    """Check the folder that an exported model goes to, which replaces what is there.

    Args:
        checkpoint: the folder of the model.

    Raises:
        InputError: what is there is not empty and no exported model, or cannot be replaced.
    """
    target, source = path.resolve(), checkpoint.resolve()
    if target == source or target in source.parents:
        raise InputError(f"{path} holds the checkpoint {checkpoint}; name another folder")
    if path.is_dir():
        folders = {entry.name for entry in path.iterdir() if entry.is_dir()}
        exported = any((path / scorer).is_file() for scorer in SCORERS)
        exported &= folders <= ARTIFACT_FOLDERS
        if any(path.iterdir()) and not exported:
            raise InputError(f"{path} holds other files than an exported model; name a new folder")
    elif path.exists() or path.is_symlink():
        raise InputError(f"{path} is no folder; name a new one")
    check_parent(target)


def check_parent(path: Path) -> None:
    """Raises: InputError: nothing can be written to the folder of a path, or it cannot be made."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise InputError(f"{path}: {folder} is a file; name a path in a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path}: you may not write to {folder}; name another folder")
