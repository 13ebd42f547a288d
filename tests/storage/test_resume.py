import errno
import io
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


@pytest.fixture
def file(tmp_path: Path) -> ResumeFile:
    return ResumeFile(tmp_path / "state", [], [], [])


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    messages = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return messages


def test_a_saved_state_loads_unchanged(file: ResumeFile, caplog: pytest.LogCaptureFixture) -> None:
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
