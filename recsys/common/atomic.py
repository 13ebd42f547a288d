"""Atomic writes: an output appears whole or not at all."""

import errno
import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.common.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path for a new file or folder, and move that to `path` when the block ends.

    If the block raises an exception or the process is killed, nothing is lost: `path` keeps its
    old content. The new content lies in a hidden folder beside `path`, named after the process, so
    two processes never mix their files. A killed process leaves that folder behind. The next write
    of `path` removes it.

    Raises:
        InputError: the disk is full.
    """
    with report_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        folder = path.with_name(f".{path.name}.{os.getpid()}.partial")
        folder.mkdir()
        try:
            new = folder / path.name
            yield new
            if path.exists() and (path.is_dir() or new.is_dir()):
                # os.replace cannot replace a folder. Until the next line is done, the old output
                # is in `folder`, from where _discard moves it back.
                path.rename(_old(folder, path))
            new.replace(path)
        finally:
            _discard(folder, path)


def remove(path: Path) -> None:
    """Remove a file, if it exists, and what killed processes left when they wrote it."""
    path.unlink(missing_ok=True)
    _remove_leftovers(path)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary folders of the processes that were killed while they wrote `path`."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        process = folder.name.removeprefix(f".{path.name}.").removesuffix(".partial")
        # Other digits belong to another output, whose name starts with this one's.
        if process.isdigit() and not _runs_elsewhere(int(process)):
            _discard(folder, path)


def _runs_elsewhere(pid: int) -> bool:
    """Whether a process other than this one runs under this id."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # A zombie has ended, although its id stays until its parent asks for its exit code.
    return state != "Z" and pid != os.getpid()


def _discard(folder: Path, path: Path) -> None:
    """Remove a temporary folder; move the old output back if nothing has replaced it."""
    if not path.exists() and _old(folder, path).exists():
        _old(folder, path).rename(path)
    shutil.rmtree(folder, ignore_errors=True)


def _old(folder: Path, path: Path) -> Path:
    """The place of the old output in a temporary folder."""
    return folder / f"{path.name}.old"


@contextmanager
def report_full_disk(path: Path) -> Iterator[None]:
    """Raise an `InputError` that names `path` if the block finds the disk full."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if is_full_disk(error):
            # The user does not know the temporary folders.
            known = re.sub(r"\.[^/]*\.partial/", "", str(path))
            raise InputError(f"{known}: the disk is full; free some space and run again") from error
        raise


def is_full_disk(error: BaseException | None) -> bool:
    """Whether a full disk led to an exception.

    torch raises a RuntimeError while it handles the OSError of a write. safetensors raises an error
    that has no number.
    """
    if error is None:
        return False
    number = error.errno if isinstance(error, OSError) else None
    says_so = number in FULL or "No space left on device" in str(error)
    return says_so or is_full_disk(error.__cause__ or error.__context__)
