"""Stage encode: check the raw files and turn them into tables of numbers."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

import shutil
from dataclasses import replace
from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.data.encoding import UNPUBLISHED_GENDER, encode_dimensions
from recsys.data.own import own_schema
from recsys.data.params import EncodeParams
from recsys.data.partitioning import partition_ratings
from recsys.data.presets import preset
from recsys.data.raw_dataset import RawDataset
from recsys.data.reading.reader import read_dataset
from recsys.engine.engine import Engine, choose_engine
from recsys.pipeline.stage import stage
from recsys.sources.params import FetchParams, OwnParams
from recsys.sources.releases import RELEASES
from recsys.storage.dimensions import write_dimensions


@stage
@click.argument("raw", type=PATH)
@click.argument("encoded", type=PATH)
def main(params: Params, raw: Path, encoded: Path) -> None:
    """Check the files in RAW and write users, movies, ratings and vocabulary to ENCODED.

    The ratings are partitions of users, ENCODED/ratings/00000.parquet and so on.
    """
    section, name = params[EncodeParams], params[FetchParams].dataset
    with atomic_write(encoded) as folder:
        temporary = folder / "temporary"
        temporary.mkdir(parents=True)
        engine = choose_engine(temporary / "spilled")
        dataset = read(params, raw, temporary / "interactions.parquet", engine)
        dimensions, vocabulary = encode_dimensions(dataset, section)
        write_dimensions(dimensions, vocabulary, folder)
        (folder / "ratings").mkdir()
        total, notes = partition_ratings(
            dataset,
            vocabulary,
            section.partitions,
            section.drop_ratings,
            temporary / "scattered",
            folder / "ratings",
        )
        shutil.rmtree(temporary)
    for note in (*dataset.notes, *notes):
        click.echo(f"{name}: {note}")
    click.echo(
        f"{name}: {total.rows:,} ratings of {len(dimensions['movies']):,} movies by "
        f"{len(dimensions['users']):,} users, {total.likes / total.rows:.1%} above "
        f"{vocabulary.label_threshold:g}"
    )


def read(params: Params, raw: Path, staged: Path, engine: Engine) -> RawDataset:
    """Read and check the raw files of the data set in params.yaml.

    Args:
        staged: gets the ratings.
    """
    name = params[FetchParams].dataset
    if name == "own":
        return read_dataset(raw, own_schema(params[OwnParams]), staged, engine)
    dataset = read_dataset(raw, preset(RELEASES[name]), staged, engine)
    if dataset.users["gender"].isna().all():
        note = f"no genders are published: the dense feature is {UNPUBLISHED_GENDER:g} for everyone"
        return replace(dataset, notes=(*dataset.notes, note))
    return dataset


if __name__ == "__main__":
    main()
