"""Stage encode: check the raw files and turn them into tables of numbers."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from dataclasses import replace
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
from recsys.data.own import own_schema
from recsys.data.params import EncodeParams
from recsys.data.presets import preset
from recsys.data.raw_dataset import RawDataset
from recsys.data.reading.reader import read_dataset
from recsys.pipeline.stage import stage
from recsys.sources.params import FetchParams, OwnParams
from recsys.sources.releases import RELEASES
from recsys.storage import schemas
from recsys.storage.dimensions import write_dimensions
from recsys.storage.lineage import Lineage
from recsys.storage.parquet import write_parquet


@stage
@click.argument("raw", type=PATH)
@click.argument("encoded", type=PATH)
def main(params: Params, raw: Path, encoded: Path) -> None:
    """Check the files in RAW and write users, movies, ratings and vocabulary to ENCODED."""
    section, name = params[EncodeParams], params[FetchParams].dataset
    dataset = read(params, raw)
    for note in dataset.notes:
        click.echo(f"{name}: {note}")
    dataset = drop_ratings(dataset, section.drop_ratings)
    dimensions, vocabulary = encode_dimensions(dataset, section)
    metadata = Lineage(vocabulary.ids).to_metadata()
    with atomic_write(encoded) as folder:
        write_dimensions(dimensions, vocabulary, folder)
        ratings = encode_ratings(dataset.ratings, vocabulary)
        write_parquet(ratings, folder / "ratings.parquet", schemas.RATINGS, metadata)
    likes = (dataset.ratings["rating"] > vocabulary.like_cut).mean()
    click.echo(
        f"{name}: {len(dataset.ratings):,} ratings of {len(dimensions['movies']):,} movies by "
        f"{len(dimensions['users']):,} users, {likes:.1%} above {vocabulary.label_threshold:g}"
    )


def read(params: Params, raw: Path) -> RawDataset:
    """Read and check the raw files of the data set in params.yaml."""
    name = params[FetchParams].dataset
    if name == "own":
        return read_dataset(raw, own_schema(params[OwnParams]))
    dataset = read_dataset(raw, preset(RELEASES[name]))
    if dataset.users["gender"].isna().all():
        note = f"no genders are published: the dense feature is {UNPUBLISHED_GENDER:g} for everyone"
        return replace(dataset, notes=(*dataset.notes, note))
    return dataset


if __name__ == "__main__":
    main()
