import errno
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recsys.common.errors import InputError
from recsys.storage import resume
from recsys.storage.resume import ResumeFile

STATE = {
    "epoch": 1,
    "step": 4,
    "best": -float("inf"),
    "weights": [torch.arange(6.0).view(2, 3)],
    "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "groups": [{"betas": (0.9, 0.99)}]},
}
DAMAGED = "the saved state {} is damaged; training starts anew"
# Kills a process at each of its calls that may change the folder, and loads what is left.
KILLED = """
import os, sys
from pathlib import Path
from recsys.storage.resume import ResumeFile

file = ResumeFile(Path(sys.argv[1]), [], [], [])
calls = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")

def kill_at(count):
    def hook(event, args):
        nonlocal count
        if event in calls and str(file.path.parent) in str(args[0]):
            count -= 1
            if count < 0:
                os._exit(9)
    sys.addaudithook(hook)

def save_and_be_killed(count):
    child = os.fork()
    if not child:
        kill_at(count)
        file.save({"step": 2})
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

for count in range(100):
    file.save({"step": 1})
    killed = save_and_be_killed(count)
    print(file.load()["step"], end=" ", flush=True)
    if not killed:
        break
file.remove()
print(os.listdir(file.path.parent))
"""


@pytest.fixture
def file(tmp_path: Path) -> ResumeFile:
    return ResumeFile(tmp_path / "state", [], [], [])


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    messages = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return messages


def test_a_state_comes_back_as_it_was(file: ResumeFile, caplog: pytest.LogCaptureFixture) -> None:
    assert file.load() is None
    file.save(STATE)
    state = file.load()
    assert state is not None
    assert torch.equal(state.pop("weights")[0], STATE["weights"][0])
    assert state == {name: value for name, value in STATE.items() if name != "weights"}
    assert warnings(caplog) == []


def test_a_changed_byte_or_a_file_that_is_no_state_starts_training_anew(
    file: ResumeFile, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save({"a": 1}, file.path)
    other = file.path.read_bytes()
    file.save(STATE)
    content = file.path.read_bytes()
    damaged = [other, b"", b"half", content + b"\n"]
    damaged += [content[:length] for length in range(0, len(content), 7)]
    for place, flips in enumerate(np.random.default_rng(1).integers(1, 256, len(content))):
        changed = bytearray(content)
        changed[place] ^= int(flips)
        damaged.append(bytes(changed))
    for bad in damaged:
        file.path.write_bytes(bad)
        assert file.load() is None
        assert warnings(caplog) == [DAMAGED.format(file.path)]


def test_a_state_of_another_run_is_not_even_unpickled(
    file: ResumeFile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.save(STATE)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.9")
        other = ResumeFile(file.path, [], [], [])
        patch.setattr(resume.torch, "load", None)
        assert other.load() is None
    assert warnings(caplog) == []
    assert file.load() is not None


def test_a_killed_save_loses_no_progress(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path / "state")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *steps, left = done.stdout.split()
    # The last save is not killed. At least those at its `open` and its `rename` are.
    assert steps == sorted(steps)
    assert (steps[0], steps[-1], left) == ("1", "2", "[]")
    assert len(steps) > 2


class FullDisk(io.FileIO):
    """A file on a disk that has space for only some bytes of it."""

    space = 0

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > self.space:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)


def test_a_disk_that_fills_at_any_byte_keeps_the_old_state(
    file: ResumeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch raises another error than the disk at most places of a file."""
    file.save(STATE)
    for space in range(0, file.path.stat().st_size, 16):
        with monkeypatch.context() as patch:
            patch.setattr(FullDisk, "space", space)
            patch.setattr(Path, "open", lambda path, mode: FullDisk(path, mode))
            with pytest.raises(InputError, match="state: the disk is full; free some space"):
                file.save(STATE)
    assert file.load() is not None
    assert list(file.path.parent.iterdir()) == [file.path]
