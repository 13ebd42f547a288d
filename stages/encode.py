"""Stage encode: check the raw files and turn them into tables of numbers."""

from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.data.encoding import (
    UNPUBLISHED_GENDER,
    drop_ratings,
    encode_dimensions,
    encode_ratings,
)
from recsys.data.params import EncodeParams
from recsys.data.readers import read_tables
from recsys.data.validation import check_tables
from recsys.pipeline.stage import stage
from recsys.sources.params import FetchParams
from recsys.sources.releases import RELEASES
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet


@stage
@click.argument("raw", type=PATH)
@click.argument("encoded", type=PATH)
def main(params: Params, raw: Path, encoded: Path) -> None:
    """Check the files in RAW and write users, movies, ratings and vocabulary to ENCODED."""
    release = RELEASES[params[FetchParams].dataset]
    section = params[EncodeParams]
    tables = read_tables(raw, release)
    check_tables(tables, release)
    tables = drop_ratings(tables, section.drop_ratings)
    dimensions, vocabulary = encode_dimensions(tables, release, section)
    if tables.users["gender"].isna().all():
        click.echo(
            f"{release.name} publishes no genders: the dense feature is {UNPUBLISHED_GENDER:g} "
            "for everyone"
        )
    origin = {"ids": vocabulary.ids}
    with atomic_write(encoded) as folder:
        write_parquet(dimensions["users"], folder / "users.parquet", schemas.users())
        write_parquet(dimensions["movies"], folder / "movies.parquet", schemas.movies())
        ratings = encode_ratings(tables.ratings, dimensions, vocabulary)
        write_parquet(ratings, folder / "ratings.parquet", schemas.RATINGS, origin)
        vocabulary.save(folder / "vocabulary.json")
    likes = (tables.ratings["rating"] > section.label_threshold).mean()
    click.echo(
        f"{release.name}: {len(tables.ratings):,} ratings of {len(dimensions['movies']):,} movies "
        f"by {len(dimensions['users']):,} users, {likes:.1%} above {section.label_threshold:g}"
    )


if __name__ == "__main__":
    main()
