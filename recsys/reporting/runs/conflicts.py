"""Merge conflicts in dvc.lock and metrics/, the files in Git that `dvc repro` writes."""

from pathlib import Path

from recsys.common.params import CONFLICT
from recsys.reporting.runs.git import git
from recsys.reporting.runs.lock import LOCK

# All outputs in Git lie there, as tests/test_pipeline.py checks.
GENERATED = (str(LOCK), "metrics")


def find_conflicts() -> tuple[list[str], list[str]]:
    """The files of the current folder's project that are in conflict.

    Returns:
        the files that `dvc repro` makes, and the files that a person has to resolve. Git lists the
        files in conflict. A file that `dvc repro` makes is in conflict, too, if it has markers
    """
    unmerged = set(git("diff", "--name-only", "--diff-filter=U", "--relative", "-z").split("\0"))
    made = {path for path in unmerged if path.split("/")[0] in GENERATED}
    known = git("ls-files", "-z", "--", *GENERATED).split("\0")
    marked = {path for path in known if path and _has_markers(Path(path))}
    return sorted(made | marked), sorted(unmerged - made - {""})


def take_one_side() -> None:
    """Restore dvc.lock and metrics/ from HEAD; remove a dvc.lock with markers in HEAD.

    Files without a conflict are restored too, because the files of two runs do not go together. For
    Git they stay in conflict until they are added, so a resolution that fails can be repeated.
    """
    tracked = [path for path in GENERATED if git("ls-files", "--", path)]
    git("restore", "--source=HEAD", "--worktree", "--", *tracked)
    if _has_markers(LOCK):
        LOCK.unlink()


def _has_markers(file: Path) -> bool:
    return file.is_file() and bool(CONFLICT.search(file.read_text(errors="replace")))
