"""Stage split: put each rating into the training, validation or test part."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from functools import partial
from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.data.params import SplitParams
from recsys.data.split_files import Partitions, write_split
from recsys.data.splitting import assign_parts, require_sizes
from recsys.data.time_cuts import read_cuts
from recsys.engine.engine import choose_engine
from recsys.pipeline.stage import stage
from recsys.sources.params import OwnParams
from recsys.storage.schemas import PARTS
from recsys.storage.vocabulary import Vocabulary


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
def main(params: Params, encoded: Path, parts: Path) -> None:
    """Split the ratings in the folder ENCODED into train, validation and test files.

    The files go to the folder PARTS. PARTS/assignment says which part each rating is in.
    PARTS/counts gets the number of training ratings of each user and of each movie. If the data has
    positives alone, negatives are drawn for each part.
    """
    section, own = params[SplitParams], params[OwnParams]
    implicit = Vocabulary.load(encoded / "vocabulary.json").implicit
    partitions = Partitions.open(encoded, own.negatives if implicit else 0)
    with atomic_write(parts) as folder:
        folder.mkdir()
        engine = choose_engine(folder / "spilled")
        assign = partial(assign_parts, params=section, cuts=read_cuts(partitions, section, engine))
        check = partial(require_sizes, params=section)
        past_only = section.follows_time
        sizes, drawn = write_split(partitions, folder, assign, past_only, engine, check, own.seed)
    if implicit:
        click.echo(f"{section.method}: {drawn:,} negatives are drawn")
    counted = ", ".join(f"{count:,} {name}" for count, name in zip(sizes, PARTS, strict=True))
    click.echo(f"{section.method}: {counted}")


if __name__ == "__main__":
    main()
