"""`recsys comment`."""

from pathlib import Path

import click

from recsys.cli.project import working_in_root
from recsys.common.command import command


@command
@click.argument("base")
def main(base: str) -> None:
    """Print how the workspace differs from a commit, as Markdown.

    Compares metrics, params and plots of the workspace with those of the commit BASE. The workflow
    `report` writes this as a comment on a pull request.

    \b
    Example:
      recsys comment origin/main
    """
    from recsys.reporting.comment import make_comment
    from recsys.reporting.lock import check_run

    with working_in_root():
        check_run(Path())
        click.echo(make_comment(base), nl=False)
