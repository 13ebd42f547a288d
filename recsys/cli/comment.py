"""`recsys comment`."""

from pathlib import Path

import click

from recsys.cli.project import working_in_root
from recsys.common.command import command


@command
@click.argument("base")
def main(base: str) -> None:
    """Print how the workspace differs from a commit, as Markdown.

    Compares metrics and params of the workspace with the commit BASE. The workflow `report` writes
    this as a comment on a pull request.

    \b
    Example:
      recsys comment origin/main
    """
    from recsys.reporting.pages.comment import make_comment
    from recsys.reporting.runs.stages import check_run

    with working_in_root():
        check_run(Path())
        click.echo(make_comment(base), nl=False)
