"""Where the commands may write: a wrong place is refused before the work, and nothing is lost."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsys.cli.targets import check_artifact, check_file
from recsys.common.errors import InputError
from tests.errors import error_of
from tests.runs import Run
from tests.small import SmallProject


def test_a_file_may_be_new_or_replaced(tmp_path: Path) -> None:
    check_file(tmp_path / "new.csv")
    check_file(tmp_path / "new" / "folder" / "new.csv")
    (tmp_path / "old.csv").touch()
    check_file(tmp_path / "old.csv")


def test_what_is_no_place_for_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("folder", "folder is a folder; name a file"),
        ("pipe", "pipe is not a regular file; name another"),
        ("file/new", "file is a file; name a path in a folder"),
    ):
        with pytest.raises(InputError, match=message):
            check_file(tmp_path / name)
    # Root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "folder")
    with pytest.raises(InputError, match=r"you may not write to .*folder; name another folder"):
        check_file(tmp_path / "folder" / "new")


@pytest.mark.parametrize("scorer", ["code/scorer.py", "recsys/serving/artifact/scorer.py"])
def test_an_artifact_replaces_nothing_but_an_artifact(tmp_path: Path, scorer: str) -> None:
    checkpoint = tmp_path / "models" / "dlrm"
    (checkpoint / "tables").mkdir(parents=True)
    artifact = tmp_path / "serving"
    check_artifact(artifact, checkpoint)
    artifact.mkdir()
    check_artifact(artifact, checkpoint)
    (artifact / scorer).parent.mkdir(parents=True)
    (artifact / scorer).touch()
    check_artifact(artifact, checkpoint)
    (artifact / "docs").mkdir()
    (tmp_path / "file").touch()
    for folder, message in (
        (artifact, "serving holds other files than an exported model; name a new folder"),
        (checkpoint, "dlrm holds the checkpoint .*dlrm; name another folder"),
        (tmp_path, "holds the checkpoint"),
        (tmp_path / "file", "file is no folder; name a new one"),
    ):
        with pytest.raises(InputError, match=message):
            check_artifact(folder, checkpoint)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("predict pairs.csv pairs.csv", "pairs.csv is the file of the pairs; name another file"),
        ("predict pairs.csv link.csv", "link.csv is the file of the pairs"),
        ("predict pairs.csv folder.csv", "folder.csv is a folder; name a file"),
        ("predict pairs.csv pairs.csv/scores.csv", "pairs.csv/scores.csv: "),
        ("export models/dlrm folder.csv", "folder.csv holds other files than an exported model"),
        ("export models/dlrm models/dlrm", "models/dlrm holds the checkpoint models/dlrm"),
        ("export models/dlrm .", ". holds the checkpoint models/dlrm"),
        ("card folder.csv", "folder.csv is a folder; name a file"),
        ("card .", ". is a folder; name a file"),
        ("report folder.csv", "folder.csv/report.html is a folder; name a file"),
    ],
)
def test_a_wrong_target_is_one_line_and_nothing_is_lost(
    run: Run, arguments: str, message: str
) -> None:
    Path("dvc.yaml").touch()
    Path("pairs.csv").write_text("userid,movieid\n3,2\n")
    Path("link.csv").symlink_to("pairs.csv")
    Path("folder.csv/report.html").mkdir(parents=True)
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert error_of(*arguments.split()).startswith(message)
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, with 24 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_one_line_that_names_the_target(run: Run, full_disk: Path) -> None:
    Path("dvc.yaml").touch()
    # Numbers that Parquet cannot compress to the size of the disk.
    rows = "".join(f"3,2,{number**2}\n" for number in range(20_000))
    Path("pairs.csv").write_text(f"userid,movieid,number\n{rows}")
    for command, name in (
        ("predict pairs.csv", "scores.csv"),
        ("predict pairs.csv", "scores.parquet"),
        ("export models/dlrm", "serving"),
    ):
        target = full_disk / name
        message = f"{target}: the disk is full; free some space and run again"
        assert error_of(*command.split(), str(target)) == message
        assert not list(full_disk.iterdir())


def test_a_full_disk_is_named_by_a_report(small: SmallProject, full_disk: Path) -> None:
    (full_disk / "other").write_bytes(bytes(20_000))
    message = f"{full_disk}/report.html: the disk is full; free some space and run again"
    assert error_of("report", str(full_disk)) == message
