import errno
from pathlib import Path

import pytest

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError


def test_a_file_or_folder_appears_whole(tmp_path: Path) -> None:
    for path in (tmp_path / "new" / "file", tmp_path / "folder"):
        with atomic_write(path) as partial:
            assert partial.parent == path.parent
            if path.name == "file":
                partial.write_text("text")
            else:
                partial.mkdir()
                (partial / "member").write_text("text")
            assert not path.exists()
    assert (tmp_path / "new" / "file").read_text() == "text"
    assert (tmp_path / "folder" / "member").read_text() == "text"
    assert not list(tmp_path.rglob("*.partial"))


def test_a_failure_keeps_the_old_output(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(RuntimeError), atomic_write(path) as partial:
        partial.mkdir()
        (partial / "new").touch()
        raise RuntimeError
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "old"]


def test_the_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "folder") as partial:
        name = partial.name
        partial.mkdir()
    left = tmp_path / name
    left.mkdir()
    (left / "half").touch()
    with atomic_write(tmp_path / "folder") as partial:
        partial.mkdir()
    assert list(tmp_path.rglob("*")) == [tmp_path / "folder"]


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the disk is full"), atomic_write(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
