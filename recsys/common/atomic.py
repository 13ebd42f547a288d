"""Atomic writes: an output appears whole or not at all."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.guard import remove, require_starters, temporary

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path for a new file or folder, then move that to `path`.

    If the block raises, or the process is killed, `path` stays as it was. The yielded path lies in
    a folder of its own, so two processes that write the same output never mix. The next one that
    writes it removes the folders of those that were killed.

    Raises:
        InputError: the disk is full, or the DVC that started this process has ended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*partial"):
        _remove_unused(leftover)
    with report_full_disk(path), _own_folder(path) as folder:
        new = folder / path.name
        yield new
        require_starters()
        replace(new, path)


@contextmanager
def report_full_disk(path: Path) -> Iterator[None]:
    """Raise an `InputError` that names `path` if the block finds the disk full."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if is_full_disk(error) or (isinstance(error, RuntimeError) and _is_full(path.parent)):
            raise InputError(describe_full_disk(path)) from error
        raise


def is_full_disk(error: Exception) -> bool:
    """Whether an exception says so. Those of safetensors have no number, torch's say nothing."""
    number = error.errno if isinstance(error, OSError) else None
    return number in FULL or "No space left on device" in str(error)


def describe_full_disk(path: Path) -> str:
    # The user knows nothing of the folders in which outputs are written.
    known = re.sub(r"\.[^/]*\.partial/", "", str(path))
    return f"{known}: the disk is full; free some space and run again"


def find_full_disk() -> Path | None:
    """A folder for temporary files whose disk or memory is full."""
    for folder in (Path(tempfile.gettempdir()), Path("/dev/shm"), Path()):  # noqa: S108
        if _is_full(folder):
            return folder
    return None


def _is_full(folder: Path) -> bool:
    try:
        left = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems count no files.
    return left.f_bavail * left.f_frsize < 2**16 or bool(left.f_files and not left.f_favail)


def replace(new: Path, path: Path) -> None:
    """Move a file or folder to `path`, in one step. What was there goes where `new` was."""
    try:
        new.replace(path)
    except OSError as error:
        # A folder replaces nothing but an empty folder.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
            raise
        if not _exchange(new, path):
            # Here a kill between the two steps leaves nothing. Only old file systems come here.
            path.rename(new.with_name(f"{new.name}.old"))
            new.rename(path)


def _exchange(first: Path, second: Path) -> bool:
    """Let two paths change places; False where the C library or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE, of fcntl.h and stdio.h
    names = (os.fsencode(first), os.fsencode(second))
    return rename is not None and not rename(here, names[0], here, names[1], exchange)


@contextmanager
def _own_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, which is locked as long as this process lives."""
    while True:
        name = tempfile.mkdtemp(".partial", f".{path.name}.", path.parent)
        with temporary(Path(name)) as folder, _locked(folder) as is_locked:
            # Otherwise another process took the folder for a leftover. A new one is made.
            if is_locked:
                yield folder
                return


def _remove_unused(leftover: Path) -> None:
    """Remove what a killed process left, unless it still runs and has it locked."""
    with _locked(leftover) as is_locked:
        if is_locked:
            with contextlib.suppress(FileNotFoundError):
                remove(leftover)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder; yield False if another process has locked or removed it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _lock(handle) and folder.exists()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A network file system that locks no folders.
        return True
    return True
