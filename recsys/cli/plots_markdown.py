"""The plots of dvc.yaml in Markdown, of a commit and of the workspace."""

import click

from recsys.reporting.blocks import Plot
from recsys.reporting.mermaid import mermaid
from recsys.reporting.plots import load_plots


@click.command()
@click.argument("base")
def main(base: str) -> None:
    """Draw the plots of the commit BASE and of the workspace as Mermaid."""
    for plot in load_plots({base: base, "this": None}):
        if isinstance(plot, Plot):
            click.echo(mermaid(plot))


if __name__ == "__main__":
    main()
