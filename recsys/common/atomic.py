"""Outputs appear whole or not at all."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.common.errors import InputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or a folder to, then move it into place.

    When the block raises, nothing new is left behind and what was at `path` is still there.
    The name beside is always the same, so that what a killed process left is cleared by the next.

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
    """Raises: InputError: the block found the disk full."""
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
