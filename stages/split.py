"""Stage split: put each rating into the training, validation or test part."""

import recsys.common.guarded  # noqa: F401  # isort: skip

from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.data.params import SplitParams
from recsys.data.splitting import (
    assign_parts,
    count_training,
    describe_cuts,
    describe_split,
    require_times,
    write_parts,
)
from recsys.pipeline.stage import stage
from recsys.storage import schemas
from recsys.storage.dimensions import write_counts
from recsys.storage.lineage import read_lineage
from recsys.storage.parquet import count_rows, read_column
from recsys.storage.schemas import PARTS
from recsys.storage.vocabulary import Vocabulary


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
def main(params: Params, encoded: Path, parts: Path) -> None:
    """Split the ratings in the folder ENCODED into train, validation and test files.

    The files go to the folder PARTS. PARTS/counts gets the number of training ratings of each user
    and of each movie.
    """
    section = params[SplitParams]
    ratings = encoded / "ratings.parquet"
    users, movies, seconds = (
        read_column(ratings, schemas.RATINGS, name) for name in ("user", "movie", "timestamp")
    )
    require_times(seconds, section)
    assignment = assign_parts(users, section)
    for note in describe_cuts(seconds, assignment, section):
        click.echo(f"{section.method}: {note}")
    lineage = describe_split(assignment, section, read_lineage(ratings, "encode").ids)
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    sizes = [
        count_rows(encoded / f"{name}.parquet", vocabulary.schema(name))
        for name in ("users", "movies")
    ]
    counts = {
        "users": count_training(users, assignment, sizes[0]),
        "movies": count_training(movies, assignment, sizes[1]),
    }
    with atomic_write(parts) as folder:
        write_parts(ratings, assignment, folder, lineage)
        write_counts(counts, folder / "counts", lineage)
    rows = ((assignment == part).sum() for part in range(len(PARTS)))
    counted = ", ".join(f"{count:,} {name}" for count, name in zip(rows, PARTS, strict=True))
    click.echo(f"{section.method}: {counted}")


if __name__ == "__main__":
    main()
