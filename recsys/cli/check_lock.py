"""`recsys check-lock`."""

import sys

import click

from recsys.cli.project import working_in_root
from recsys.common.command import command


@command
def main() -> None:
    """Say whether dvc.lock matches the code and the params.

    Prints for each stage "same", or what differs. Runs no stage and needs no data. Exits with 1 if
    a stage differs.

    \b
    Example:
      recsys check-lock
    """
    from recsys.reporting.runs.stages import lock_differences

    with working_in_root():
        stages = lock_differences()
    width = max(map(len, stages), default=0)
    for name, differences in stages.items():
        first, *more = differences or ["same"]
        click.echo(f"{name:{width}}  {first}")
        for difference in more:
            click.echo(f"{'':{width}}  {difference}")
    if any(stages.values()):
        click.echo(
            "dvc.lock does not match: `dvc repro` (in a merge `recsys resolve`), then commit "
            "dvc.lock and metrics",
            err=True,
        )
        sys.exit(1)
