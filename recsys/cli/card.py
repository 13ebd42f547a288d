"""`recsys card`."""

from pathlib import Path

import click

from recsys.cli.project import find_root, in_project
from recsys.cli.targets import check_file
from recsys.common.command import PATH, command


@command
@click.argument("card", type=PATH, default="models/card.md", callback=in_project)
def main(card: Path) -> None:
    """Write the model card of the run that dvc.lock records.

    CARD is a Markdown file, by default models/card.md. It describes data, protocol, metrics with
    intervals, limits, licence, params and hashes.

    \b
    Examples:
      recsys card
      recsys card /tmp/card.md
    """
    from recsys.common.atomic import atomic_write
    from recsys.reporting.pages.card import make_card
    from recsys.reporting.runs.stages import check_run

    check_file(card)
    project = find_root()
    check_run(project)
    text = make_card(project)
    with atomic_write(card) as partial:
        partial.write_text(text)
    click.echo(f"{card} written")
