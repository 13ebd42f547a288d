"""Say whether what is committed is what its code makes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from recsys.reporting.lock import recorded_outputs
from recsys.reporting.metrics import Change, changes
from recsys.reporting.revisions import committed, git
from recsys.reporting.text import columns

METRICS = "metrics/test.json"


@click.command()
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="Let hashes differ where no metric does by more: another processor rounds differently.",
)
def main(tolerance: float | None) -> None:
    """Run the pipeline of HEAD anew in a clean copy and compare every output with dvc.lock.

    Nothing comes from a cache. Exits with 1 if anything differs.
    """
    if git("status", "--porcelain", "--untracked-files=no"):
        click.echo("What is not committed is not verified.", err=True)
    lock = committed("dvc.lock")
    if lock is None:
        raise click.ClickException("HEAD has no dvc.lock: `dvc repro` and commit it")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        reproduce(copy)
        new_lock = (copy / "dvc.lock").read_text()
        metrics = changes(committed(METRICS), (copy / METRICS).read_text())
    recorded, found = recorded_outputs(lock), recorded_outputs(new_lock)
    paths = list({**recorded, **found})
    same = all(recorded.get(path) == found.get(path) for path in paths)
    click.echo(columns([("output", "dvc.lock", "now", ""), *hashes(paths, recorded, found)]))
    click.echo()
    rows = [(c.name, c.old, c.new, c.delta) for c in metrics]
    click.echo(columns([("metric", "committed", "now", "difference"), *rows]))
    unlike = [change.name for change in metrics if not close(change, tolerance or 0)]
    if unlike or not (same or tolerance is not None):
        named = f" (metrics: {', '.join(unlike)})" if unlike else ""
        click.echo(
            f"\nNot reproduced{named}: `make check-lock` says whether inputs differ.", err=True
        )
        sys.exit(1)
    click.echo("\nReproduced" + (": same bytes." if same else f" within {tolerance}: other bytes."))


def reproduce(copy: Path) -> None:
    """Clone HEAD and run all stages there, with a cache of its own."""
    git("clone", "--quiet", ".", str(copy))
    environment = os.environ | {
        # The stages' `python` is this one.
        "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
        "DVC_SITE_CACHE_DIR": str(copy.with_name("site")),
    }
    mirror = os.environ.get("MOVIELENS_MIRROR", "")
    if Path(mirror).is_dir():
        # A relative path would not lead there.
        environment["MOVIELENS_MIRROR"] = str(Path(mirror).resolve())
    dvc = [sys.executable, "-m", "dvc"]
    commands = (
        ["cache", "dir", "--local", "--quiet", str(copy.with_name("cache"))],
        ["repro", "--force", "--no-run-cache"],
    )
    for command in commands:
        # Its messages would be in the table's way: to stderr.
        if subprocess.run([*dvc, *command], cwd=copy, env=environment, stdout=2).returncode:
            raise click.ClickException(f"`dvc {command[0]}` failed in the clean copy; see above")


def hashes(
    paths: list[str], recorded: dict[str, str], found: dict[str, str]
) -> list[tuple[str, str | None, str | None, str]]:
    return [
        (path, recorded.get(path), found.get(path), verdict)
        for path in paths
        for verdict in ["same" if recorded.get(path) == found.get(path) else "differs"]
    ]


def close(change: Change, tolerance: float) -> bool:
    if change.delta is None:
        return change.old == change.new
    return abs(change.delta.value) <= tolerance


if __name__ == "__main__":
    main()
