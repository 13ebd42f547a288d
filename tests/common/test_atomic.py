import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recsys.common.atomic import atomic_write, remove
from recsys.common.errors import InputError

# Kill a process at each of its calls that may change the folder, then look at what is left.
KILLED = """
import contextlib, os, sys
from pathlib import Path
from recsys.common.atomic import atomic_write
from recsys.storage.resume import ResumeFile

path = Path(sys.argv[1])
calls = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")
{output}
def kill_at(count):
    def hook(event, args):
        nonlocal count
        if event in calls and str(path.parent) in str(args[0]):
            count -= 1
            if count < 0:
                os._exit(9)
    sys.addaudithook(hook)

def write_and_be_killed(count):
    child = os.fork()
    if not child:
        kill_at(count)
        write("new")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

for count in range(100):
    write("old")
    killed = write_and_be_killed(count)
    print(read(), flush=True)
    if not killed:
        break
"""
FOLDER = """
def write(name):
    with atomic_write(path) as partial:
        partial.mkdir()
        for number in range(2):
            (partial / f"{name} {number}").write_text(name)

def read():
    # Another write, even one that fails, restores what a killed process moved away.
    with contextlib.suppress(RuntimeError), atomic_write(path):
        raise RuntimeError
    old_or_new, again = (name.split()[0] for name in os.listdir(path))
    assert old_or_new == again
    assert os.listdir(path.parent) == [path.name]
    return old_or_new
"""
STATE = """
file = ResumeFile(path, [], [], [])

def write(name):
    file.save({"name": name})

def read():
    return file.load()["name"]
"""


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
    # The block wrote nothing.
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["folder", "old"]


def test_files_folders_and_links_replace_each_other(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("output", [FOLDER, STATE], ids=["folder", "state of a training"])
def test_a_kill_at_any_moment_leaves_the_old_output_or_the_new_one(
    tmp_path: Path, output: str
) -> None:
    code = KILLED.replace("{output}", output)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "output")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    left = done.stdout.split()
    assert (left[0], left[-1], set(left)) == ("old", "new", {"old", "new"})
    # The new output stays from the call that puts it there on. Earlier calls keep the old one.
    assert left == sorted(left, reverse=True)
    assert left.count("old") >= (4 if output == FOLDER else 2)
    if output == STATE:
        remove(tmp_path / "output")
        assert not list(tmp_path.iterdir())


def test_the_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    # A process of another container may have had the id of this one.
    killed = [tmp_path / f".file.{pid}.partial" for pid in (ended.pid, os.getpid())]
    running = tmp_path / f".file.{os.getppid()}.partial"
    # Of an output whose name starts like this one's.
    other = tmp_path / f".file.2.{ended.pid}.partial"
    for prepare in (lambda path: remove(path), lambda path: write_folder(path, "new")):
        for folder in (*killed, running, other):
            (folder / "file").mkdir(parents=True, exist_ok=True)
        prepare(tmp_path / "file")
        assert not any(folder.exists() for folder in killed)
        assert running.exists()
        assert other.exists()


def test_two_processes_that_write_the_same_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    code = (
        "from pathlib import Path; from tests.common.test_atomic import write_folder; "
        f"write_folder(Path({str(path)!r}), 'second')"
    )
    with atomic_write(path) as first:
        first.mkdir()
        (first / "first").touch()
        subprocess.run([sys.executable, "-c", code], check=True)
        assert [p.name for p in path.iterdir()] == ["second"]
        (first / "also first").touch()
    assert sorted(p.name for p in path.iterdir()) == ["also first", "first"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    """Inside of another output's folder too, whose name the user never sees."""
    with (
        pytest.raises(InputError, match=f"^{tmp_path}/outer/inner: the disk is full"),
        atomic_write(tmp_path / "outer") as outer,
        atomic_write(outer / "inner"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def write_as_torch_does() -> None:
    try:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    except OSError:
        raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904


def test_a_full_disk_is_reported_by_libraries_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file: the disk is full"), atomic_write(tmp_path / "file"):
        raise ValueError("I/O error: No space left on device (os error 28)")
    with pytest.raises(InputError, match="file: the disk is full"), atomic_write(tmp_path / "file"):
        write_as_torch_does()
    with pytest.raises(RuntimeError, match="unexpected pos"), atomic_write(tmp_path / "file"):
        raise RuntimeError("unexpected pos 64 vs 0")
