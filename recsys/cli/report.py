"""`recsys report`."""

from pathlib import Path

import click

from recsys.cli.project import in_project, working_in_root
from recsys.cli.targets import check_file
from recsys.common.command import command


@command
@click.argument(
    "folder",
    type=click.Path(path_type=Path, file_okay=False, writable=True),
    default=".",
    callback=in_project,
)
@click.option(
    "--base",
    metavar="COMMIT",
    help="Compare with this commit, in place of the commit of the last other run.",
)
def main(folder: Path, base: str | None) -> None:
    """Write report.html and report.md about the run.

    They go to FOLDER, by default the project's. report.html opens without network. report.md is
    for a pull request or an issue.

    \b
    Examples:
      recsys report
      recsys report --base main
      recsys report /tmp
    """
    from recsys.common.atomic import atomic_write
    from recsys.reporting.pages.report import make_report
    from recsys.reporting.rendering.render import as_markdown, html
    from recsys.reporting.runs.stages import check_run

    for name in ("report.html", "report.md"):
        check_file(folder / name)
    with working_in_root():
        check_run(Path())
        report = make_report(base)
        texts = {"report.html": html(report), "report.md": as_markdown(report)}
    for name, text in texts.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text)
        click.echo(folder / name)
