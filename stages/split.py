"""Stage split: ratings to train, validation and test."""

from pathlib import Path

import click

from recsys import schemas
from recsys.outputs import replacing
from recsys.params import SplitParams, load_params
from recsys.parquet import read_parquet, write_parquet
from recsys.splits import split_ratings
from stages.command import PATH, stage


@stage
@click.argument("ratings", type=PATH)
@click.argument("parts", type=PATH)
def main(params: Path, ratings: Path, parts: Path) -> None:
    """Cut the file RATINGS into train, validation and test files in the folder PARTS."""
    section = load_params(params, SplitParams)

    rows = read_parquet(ratings, schemas.RATINGS).to_pandas()
    split = split_ratings(rows, section)
    with replacing(parts) as folder:
        for name, part in split.items():
            write_parquet(part, folder / f"{name}.parquet", schemas.PART)
    click.echo(f"{section.method}: " + ", ".join(f"{len(p):,} {n}" for n, p in split.items()))


if __name__ == "__main__":
    main()
