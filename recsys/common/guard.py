"""However a stage ends: it publishes nothing for a DVC that has ended, and leaves no mess.

A stage that runs as a program starts a small process beside it, the keeper. The keeper outlives the
stage by a moment, also when the stage is killed. It ends the stage when the DVC that started it has
ended, removes the temporary files that the stage named, and says when the memory was too small.
"""

import atexit
import contextlib
import os
import select
import shutil
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.interrupt import say

# DVC and torchrun set these for the processes that they start.
MARKS = (b"DVC_STAGE=", b"TORCHELASTIC_RUN_ID=")
ORPHANED = "the process that started this stage has ended, so the stage ends without a result"
REMEDY = (
    "a smaller release (fetch.dataset), train.batch_size or model.embedding_dimension needs less"
)
FINISHED = b"finished"

# Descriptors of the processes for whom this one works (see pidfd_open).
_starters: list[int] = []
# The end of a pipe that the keeper reads.
_to_keeper: int | None = None


def guard_stage() -> None:
    """Guard this process. A stage calls this before any slow import."""
    watch_starters(find_starters(os.getpid()))
    _start_keeper()


def find_starters(pid: int) -> list[int]:
    """The processes that have to live for this one to go on, from its parent up.

    The last one is the DVC or torchrun that started it. Without these there are none: what is
    typed by hand may outlive its terminal.
    """
    starters = []
    while _is_marked(pid, MARKS) and (parent := _find_parent(pid)):
        under_dvc = _is_marked(pid, MARKS[:1]) and not _is_marked(parent, MARKS[:1])
        if under_dvc and os.getsid(parent) != os.getsid(pid):
            # DVC starts no session. It has ended, and this is who adopted the process.
            _end_as_orphan()
        starters.append(parent)
        pid = parent
    return starters


def _is_marked(pid: int, marks: tuple[bytes, ...]) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return any(entry.startswith(marks) for entry in environment.split(b"\0"))


def _find_parent(pid: int) -> int:
    """The parent's process id; 0 if it lies outside of this container."""
    with contextlib.suppress(OSError):
        # After the name, which may hold anything, come the state and the parent.
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return 0


def watch_starters(pids: Iterable[int]) -> None:
    """From now on, publish nothing once one of these processes has ended."""
    for pid in pids:
        try:
            _starters.append(os.pidfd_open(pid))
        except ProcessLookupError:
            _end_as_orphan()
        except OSError:
            # An old kernel, or a container that forbids it.
            return


def _end_as_orphan() -> None:
    say(ORPHANED)
    os._exit(1)


def has_starters() -> bool:
    """Whether all watched processes still run."""
    poll = select.poll()
    for starter in _starters:
        poll.register(starter, select.POLLIN)
    return not poll.poll(0)


def require_starters() -> None:
    """Raise an `InputError` if a watched process has ended. Publishing anything asks this."""
    if not has_starters():
        raise InputError(ORPHANED)


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Remove a file or folder when the block ends, or when the stage is killed in it."""
    _tell(b"+" + os.fsencode(path.absolute()))
    try:
        yield path
    finally:
        remove(path)
        _tell(b"-" + os.fsencode(path.absolute()))


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tell(message: bytes) -> None:
    if _to_keeper is not None:
        # The keeper may have been killed, or stopped.
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(_to_keeper, message + b"\0")


def _start_keeper() -> None:
    global _to_keeper
    try:
        stage = os.pidfd_open(os.getpid())
    except OSError:
        return
    reads, _to_keeper = os.pipe()
    os.set_blocking(_to_keeper, False)
    if os.fork():
        os.close(reads)
        atexit.register(_tell, FINISHED)
        return
    try:
        os.close(_to_keeper)
        _keep(stage, reads)
    finally:
        os._exit(0)


def _keep(stage: int, reads: int) -> None:
    """What the keeper does until the stage has ended, and then.

    Args:
        stage: the descriptor of the stage's process.
        reads: the end of a pipe. The stage writes the names of its temporary files to it, `+NAME`
            or `-NAME`, and ends it by ending.
    """
    # What ends the stage's process group, as Ctrl-C does, must not end the keeper.
    os.setpgid(0, 0)
    killed_before = _count_killed_for_memory()
    poll = select.poll()
    for handle in (reads, *_starters):
        poll.register(handle, select.POLLIN)
    names: dict[bytes, None] = {}
    rest = b""
    while True:
        ready = [handle for handle, _ in poll.poll()]
        if set(ready) & set(_starters):
            say(ORPHANED)
            signal.pidfd_send_signal(stage, signal.SIGKILL)
            for starter in _starters:
                poll.unregister(starter)
            _starters.clear()
        if reads not in ready:
            continue
        chunk = os.read(reads, 2**16)
        if not chunk:
            break
        *messages, rest = (rest + chunk).split(b"\0")
        for message in messages:
            if message[:1] == b"-":
                names.pop(message[1:], None)
            else:
                names[message.removeprefix(b"+")] = None
    finished = FINISHED in names
    names.pop(FINISHED, None)
    for name in names:
        with contextlib.suppress(OSError):
            remove(Path(os.fsdecode(name)))
    if not finished and _count_killed_for_memory() > killed_before:
        say(f"the system ended this stage for lack of memory: {REMEDY}")


def _count_killed_for_memory() -> int:
    """How many processes the kernel has ended for lack of memory since it started."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
