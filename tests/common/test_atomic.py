import ctypes
import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from recsys.common import atomic, guard
from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError


def write_folder(path: Path, name: str) -> None:
    with atomic_write(path) as partial:
        partial.mkdir()
        (partial / name).write_text(name)


def test_a_file_or_folder_appears_whole(tmp_path: Path) -> None:
    for path in (tmp_path / "new" / "file", tmp_path / "folder"):
        with atomic_write(path) as partial:
            assert partial.name == path.name
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
    write_folder(path, "old")
    with pytest.raises(RuntimeError), atomic_write(path) as partial:
        partial.mkdir()
        (partial / "new").touch()
        raise RuntimeError
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["folder", "old"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_anything_replaces_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    path = tmp_path / "output"
    for name in ("a", "b"):
        write_folder(path, name)
        assert [p.name for p in path.iterdir()] == [name]
    with atomic_write(path) as partial:
        partial.write_text("a file")
    assert path.read_text() == "a file"
    write_folder(path, "c")
    # DVC's caches may give links.
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.write_text("cached")
    path.rename(tmp_path / "moved")
    path.symlink_to(elsewhere)
    with atomic_write(path) as partial:
        partial.write_text("new")
    assert (path.is_symlink(), path.read_text(), elsewhere.read_text()) == (False, "new", "cached")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["moved", "output"]


def test_a_folder_is_there_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill on either side of the one step leaves the old folder or the new one."""
    path = tmp_path / "folder"
    write_folder(path, "old")
    exchange, seen = atomic._exchange, []

    def watched(first: Path, second: Path) -> bool:
        seen.append(os.listdir(path))  # noqa: PTH208
        done = exchange(first, second)
        seen.append(os.listdir(path))  # noqa: PTH208
        return done

    monkeypatch.setattr(atomic, "_exchange", watched)
    write_folder(path, "new")
    assert seen == [["old"], ["new"]]


def test_the_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for leftover in (".folder.partial", ".folder.x1.partial", ".folder.x2.partial"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "half").touch()
    (tmp_path / ".folder.x3.partial").touch()
    write_folder(path, "new")
    assert list(tmp_path.iterdir()) == [path]


def test_two_that_write_the_same_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_write(path) as first:
        first.mkdir()
        (first / "first").touch()
        write_folder(path, "second")
        assert [p.name for p in path.iterdir()] == ["second"]
        (first / "also first").touch()
    assert sorted(p.name for p in path.iterdir()) == ["also first", "first"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_whose_new_folder_is_taken_for_a_leftover_makes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = atomic.tempfile.mkdtemp

    def mkdtemp(*arguments: object) -> str:
        made.append(make(*arguments))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(atomic.tempfile, "mkdtemp", mkdtemp)
    write_folder(tmp_path / "folder", "new")
    assert len(made) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_nothing_is_published_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_starters", [])
    starter = multiprocessing.get_context("spawn").Process(target=signal.pause)
    starter.start()
    assert starter.pid
    guard.watch_starters([starter.pid])
    write_folder(tmp_path / "folder", "old")
    starter.kill()
    starter.join()
    with pytest.raises(InputError, match="has ended"):
        write_folder(tmp_path / "folder", "new")
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "old"]


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    """Inside of another output's folder too, whose name the user never sees."""
    with (
        pytest.raises(InputError, match=f"^{tmp_path}/outer/inner: the disk is full"),
        atomic_write(tmp_path / "outer") as outer,
        atomic_write(outer / "inner"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_reported_by_libraries_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="file: the disk is full"), atomic_write(tmp_path / "file"):
        raise ValueError("I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="unexpected pos"), atomic_write(tmp_path / "file"):
        raise RuntimeError("unexpected pos 64 vs 0")
    monkeypatch.setattr(atomic, "_is_full", lambda _: True)
    with pytest.raises(InputError, match="file: the disk is full"), atomic_write(tmp_path / "file"):
        raise RuntimeError("unexpected pos 64 vs 0")
