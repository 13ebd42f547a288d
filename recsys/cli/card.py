"""A model card of the run that dvc.lock records."""

from pathlib import Path

import click

from recsys.common.command import PATH, command


@command
@click.argument("card", type=PATH, default="models/card.md")
@click.option("--project", type=PATH, default=".", show_default=True, help="Holds dvc.lock.")
def main(card: Path, project: Path) -> None:
    """Write the model card of the last `dvc repro` to the Markdown file CARD.

    It tells of data, protocol, metrics with intervals, limits, licence, params and hashes.
    Without CARD it goes to models/card.md.
    """
    # Slow to import, and --help need not wait.
    from recsys.common.atomic import atomic_write
    from recsys.reporting.card import make_card

    text = make_card(project)
    with atomic_write(card) as partial:
        partial.write_text(text)
    click.echo(f"{card} written")


if __name__ == "__main__":
    main()
