"""Say whether dvc.lock is of this code and these params."""

import sys

import click

from recsys.reporting.lock import lock_differences


@click.command()
def main() -> None:
    """For each stage: same, or what differs from dvc.lock.

    Runs nothing and needs no data. Exits with 1 if anything differs.
    """
    stages = lock_differences()
    width = max(map(len, stages))
    for name, differences in stages.items():
        first, *more = differences or ["same"]
        click.echo(f"{name:{width}}  {first}")
        for difference in more:
            click.echo(f"{'':{width}}  {difference}")
    if any(stages.values()):
        click.echo(
            "dvc.lock does not match: `dvc repro`, then commit dvc.lock and metrics", err=True
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
