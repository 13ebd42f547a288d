"""A few kills of the first stages and of training; `python -m tests.kills` has two hundred."""

from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

from tests.kills.killer import Kill, finish, kill_run
from tests.kills.project import KilledProject

# In the order of the pipeline: each run continues after the previous kill.
KILLS = [
    Kill("fetch", "raw", "group", SIGKILL),
    Kill("encode", 0.1, "group", SIGINT),
    Kill("encode", "interactions.parquet", "dvc", SIGTERM),
    Kill("encode", "encoded", "stage", SIGKILL),
    Kill("split", "pieces", "dvc", SIGKILL),
    Kill("split", 0.1, "stage", SIGINT),
]
# The state is saved often, so a moment of that is not missed.
IN_TRAIN = Kill("train", "train.state", "dvc", SIGKILL)


def test_a_run_that_was_killed_again_and_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """No process goes on, and no output is half of a whole."""
    project = KilledProject(tmp_path / "project", "split")
    assert project.start().wait() == 0, (project.folder / "log").read_text()
    expected, lock = project.outputs(), project.lock
    project.clear()
    for kill in KILLS:
        assert kill_run(project, kill, expected, lock).wrong == [], kill
    assert finish(project, expected, lock) == []
    project.aim_at("train")
    # Nothing of train itself is there yet; features ran, to which no run was compared.
    wrong = kill_run(project, IN_TRAIN, expected, lock).wrong
    assert [line for line in wrong if not line.startswith("data/features/")] == []
