"""Atomic writes: an output appears whole or not at all."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.common.errors import InputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, then move that to `path`.

    If the block raises, the temporary file or folder is removed and `path` stays as it was. The
    temporary name is always the same, so the next run removes what a killed process left behind.

    Raises:
        InputError: the disk is full.
    """
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(partial)
    try:
        with report_full_disk(path):
            yield partial
            _remove(path)
            partial.rename(path)
    finally:
        _remove(partial)


@contextmanager
def report_full_disk(path: Path) -> Iterator[None]:
    """Raise an `InputError` that names `path` if the block finds the disk full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"{path}: the disk is full; free some space and run again") from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
