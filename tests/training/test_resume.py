from pathlib import Path
from typing import Any

import pytest

from recsys.storage.resume import ResumeFile
from recsys.training.process_group import ProcessGroup
from recsys.training.resume import DistributedResume


class Single(ProcessGroup):
    rank, size = 0, 1

    def intersection(self, items: set[Any]) -> set[Any]:
        return items


def test_of_two_states_of_a_process_one_may_be_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = ResumeFile(tmp_path / "state", [], [], [])
    group = DistributedResume(file, Single())
    for step in (4, 8):
        group.save({"epoch": 1, "step": step})
    older, newer = (other.path for other in group.files)
    newer.write_bytes(b"half")
    state = DistributedResume(file, Single()).load()
    assert state is not None
    assert state["step"] == 4
    damaged = [f"the saved state {newer} is damaged; training resumes from another one"]
    assert [record.getMessage() for record in caplog.records] == damaged
    older.write_bytes(b"half")
    assert DistributedResume(file, Single()).load() is None
    both = f"the saved state {older} and {newer} is damaged; training starts anew"
    assert caplog.records[-1].getMessage() == both
