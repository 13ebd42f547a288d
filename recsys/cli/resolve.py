"""`recsys resolve`."""

import subprocess
from pathlib import Path

import click

from recsys.cli.project import child_environment, dvc, working_in_root
from recsys.common.command import command


@command
def main() -> None:
    """Resolve a merge's conflicts in dvc.lock and metrics.

    First resolve those in params.yaml and the code yourself, and `git add` them. Then this command
    takes one side of dvc.lock and metrics/, makes them anew with `dvc repro` and stages them.

    \b
    Example:
      git merge other
      recsys resolve
    """
    from recsys.common.errors import InputError
    from recsys.reporting.runs.conflicts import GENERATED, find_conflicts, take_one_side
    from recsys.reporting.runs.git import git
    from recsys.reporting.runs.stages import check_run

    with working_in_root():
        generated, others = find_conflicts()
        if others:
            raise InputError(
                f"conflicts in {', '.join(others)}; resolve them and `git add` them, then "
                "`recsys resolve`"
            )
        if not generated:
            click.echo("No conflicts in dvc.lock and metrics; see also `recsys check-lock`.")
            return
        take_one_side()
        check_run(Path())
        # Its messages go to stderr.
        subprocess.run(dvc("repro"), env=child_environment(), check=True, stdout=2)
        git("add", "--", *GENERATED)
    click.echo("dvc.lock and metrics are those of the merged params, and staged.")
    click.echo("`git commit` ends the merge; in a rebase, `git rebase --continue`.")
