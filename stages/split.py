"""Stage split: ratings to train, validation and test."""

from pathlib import Path

import click

from recsys.common.atomic import replacing
from recsys.common.command import PATH, stage
from recsys.common.params import load_params
from recsys.data.params import SplitParams
from recsys.data.splitting import split_file


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
