"""Stage encode: raw files to checked tables of numbers."""

from pathlib import Path

import click

from recsys.common.atomic import replacing
from recsys.common.command import PATH, stage
from recsys.common.params import load_params
from recsys.data.encoding import UNPUBLISHED_GENDER, drop_ratings, encode_ratings, encode_tables
from recsys.data.params import EncodeParams
from recsys.data.readers import read_tables
from recsys.data.validation import check_tables
from recsys.sources.params import FetchParams
from recsys.sources.releases import RELEASES
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet


@stage
@click.argument("raw", type=PATH)
@click.argument("encoded", type=PATH)
def main(params: Path, raw: Path, encoded: Path) -> None:
    """Check the files in RAW and write users, movies, ratings and vocabulary to ENCODED."""
    release = RELEASES[load_params(params, FetchParams).dataset]
    section = load_params(params, EncodeParams)
    threshold = section.label_threshold

    tables = read_tables(raw, release)
    check_tables(tables, release)
    tables = drop_ratings(tables, section.drop_ratings)
    result = encode_tables(tables, release)
    if tables.users["gender"].isna().all():
        click.echo(
            f"{release.name} publishes no genders: the dense feature is {UNPUBLISHED_GENDER:g} "
            "for everyone"
        )
    with replacing(encoded) as folder:
        write_parquet(result.users, folder / "users.parquet", schemas.USERS)
        write_parquet(result.movies, folder / "movies.parquet", schemas.MOVIES)
        ratings = encode_ratings(tables.ratings, result.vocabulary, threshold)
        write_parquet(ratings, folder / "ratings.parquet", schemas.RATINGS)
        result.vocabulary.save(folder / "vocabulary.json")
    click.echo(
        f"{release.name}: {len(tables.ratings):,} ratings of {len(result.movies):,} movies by "
        f"{len(result.users):,} users, {(tables.ratings['rating'] > threshold).mean():.1%} above "
        f"{threshold:g}"
    )


if __name__ == "__main__":
    main()
