"""Write report.html and report.md of the run in the workspace."""

from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.reporting.pages import as_markdown, html
from recsys.reporting.report import make_report


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
def main(folder: Path) -> None:
    """Write report.html, one page that opens without network, and report.md into FOLDER."""
    try:
        report = make_report()
    except InputError as error:
        raise click.ClickException(str(error)) from error
    for name, text in {"report.html": html(report), "report.md": as_markdown(report)}.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text)
        click.echo(folder / name)


if __name__ == "__main__":
    main()
