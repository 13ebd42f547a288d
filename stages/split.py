"""Stage split: ratings to train, validation and test."""

from pathlib import Path

import click

from recsys.outputs import replacing
from recsys.params import SplitParams, load_params
from recsys.splits import split_file
from stages.command import PATH, stage


@stage
@click.argument("ratings", type=PATH)
@click.argument("parts", type=PATH)
def main(params: Path, ratings: Path, parts: Path) -> None:
    """Cut the file RATINGS into train, validation and test files in the folder PARTS."""
    section = load_params(params, SplitParams)

    with replacing(parts) as folder:
        rows = split_file(ratings, section, folder)
    click.echo(f"{section.method}: " + ", ".join(f"{count:,} {n}" for n, count in rows.items()))


if __name__ == "__main__":
    main()
