"""`recsys verify`."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recsys.cli.project import child_environment, dvc, working_in_root
from recsys.common.command import command
from recsys.common.errors import InputError

if TYPE_CHECKING:
    from recsys.reporting.comparison.change import Change


@command
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="Accept other bytes if no metric differs by more (of one above 1, by that share): other "
    "processors round differently.",
)
def main(tolerance: float | None) -> None:
    """Rerun HEAD in a clean copy and compare it with dvc.lock.

    Uses no cache, so every stage runs. Exits with 1 if an output or a metric differs.

    \b
    Examples:
      recsys verify
      recsys verify --tolerance 0.002
    """
    from recsys.reporting.comparison.compare import compare_runs
    from recsys.reporting.rendering.text import columns
    from recsys.reporting.runs.git import committed, git
    from recsys.reporting.runs.lock import read_lock, recorded_outputs
    from recsys.reporting.runs.metrics import committed_metrics

    # At the end, a process of DVC's may still write to its folder there: ignore_cleanup_errors.
    with working_in_root(), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if git("status", "--porcelain", "--untracked-files=no", "--", "."):
            click.echo("Changes that are not committed are not verified.", err=True)
        lock = committed("dvc.lock")
        if lock is None:
            raise InputError("HEAD has no dvc.lock: `dvc repro` and commit it")
        # Before the hours that a run may take.
        recorded, _ = recorded_outputs(lock), committed_metrics("HEAD")
        copy = reproduce(Path(folder) / "copy")
        found = recorded_outputs(read_lock(copy))
        runs = compare_runs("HEAD", copy, seeds=False)
    paths = list({**recorded, **found})
    same = all(recorded.get(path) == found.get(path) for path in paths)
    click.echo(columns([("output", "dvc.lock", "now", ""), *hashes(paths, recorded, found)]))
    click.echo()
    header = ("metric", "committed", "now", "difference", "95 % interval", "verdict")
    click.echo(columns([header, *(change.row for change in runs.all)]))
    for note in (*runs.notes, runs.name_slices()):
        if note:
            click.echo(f"\n{note}")
    different = [change.name for change in runs.all if not is_close(change, tolerance or 0)]
    if different or not (same or tolerance is not None):
        named = f" (metrics: {', '.join(different)})" if different else ""
        click.echo(
            f"\nNot reproduced{named}: `recsys check-lock` says whether inputs differ.", err=True
        )
        sys.exit(1)
    click.echo("\nReproduced" + (": same bytes." if same else f" within {tolerance}: other bytes."))


def reproduce(clone: Path) -> Path:
    """Clone HEAD and run all stages there, with a cache of its own.

    Returns:
        The project's folder in the clone. The project may be a folder of a larger repository.
    """
    from recsys.reporting.runs.git import git

    git("clone", "--quiet", git("rev-parse", "--show-toplevel").rstrip("\n"), str(clone))
    copy = clone / git("rev-parse", "--show-prefix").rstrip("\n")
    environment = child_environment() | {"DVC_SITE_CACHE_DIR": str(clone.with_name("site"))}
    for arguments in (
        ("cache", "dir", "--local", "--quiet", str(clone.with_name("cache"))),
        ("repro", "--force", "--no-run-cache"),
    ):
        # DVC's messages go to stderr, so that stdout has the tables alone.
        done = subprocess.run(dvc(*arguments), cwd=copy, env=environment, stdout=2)
        if done.returncode:
            raise InputError(f"`dvc {arguments[0]}` failed in the clean copy; see above")
    return copy


def hashes(
    paths: list[str], recorded: dict[str, str], found: dict[str, str]
) -> list[tuple[str, str | None, str | None, str]]:
    return [
        (path, recorded.get(path), found.get(path), verdict)
        for path in paths
        for verdict in ["same" if recorded.get(path) == found.get(path) else "differs"]
    ]


def is_close(change: "Change", tolerance: float) -> bool:
    """Whether a metric differs by no more than a tolerance; relative to the metric if above 1."""
    if change.old is None or change.new is None:
        return change.old == change.new
    return abs(change.new - change.old) <= tolerance * max(1, abs(change.old))
