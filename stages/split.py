"""Stage split: put each rating into the training, validation or test part."""

from recsys.common.guard import guard_stage

if __name__ == "__main__":
    guard_stage()

from pathlib import Path

import click

from recsys.common.atomic import atomic_write
from recsys.common.command import PATH
from recsys.common.params import Params
from recsys.data.negatives import draw_negatives
from recsys.data.params import SplitParams
from recsys.data.split_files import read_pairs, write_split
from recsys.data.splitting import assign_parts, require_times
from recsys.pipeline.stage import stage
from recsys.sources.params import OwnParams
from recsys.storage.schemas import PARTS
from recsys.storage.vocabulary import Vocabulary


@stage
@click.argument("encoded", type=PATH)
@click.argument("parts", type=PATH)
def main(params: Params, encoded: Path, parts: Path) -> None:
    """Split the ratings in the folder ENCODED into train, validation and test files.

    The files go to the folder PARTS. PARTS/assignment.parquet says which part each rating is in.
    PARTS/counts gets the number of training ratings of each user and of each movie. If the data has
    positives alone, negatives are drawn for each part.
    """
    section, own = params[SplitParams], params[OwnParams]
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    pairs = read_pairs(encoded, vocabulary)
    require_times(pairs.seconds, section)
    assignment, past_only = assign_parts(pairs, section), section.follows_time
    negatives = None
    if vocabulary.implicit:
        negatives = draw_negatives(pairs, assignment, past_only, own.negatives, own.seed)
        click.echo(f"{section.method}: {len(negatives.movie):,} negatives are drawn")
    with atomic_write(parts) as folder:
        folder.mkdir()
        write_split(encoded, folder, pairs, assignment, past_only, negatives)
    rows = ((assignment == part).sum() for part in range(len(PARTS)))
    counted = ", ".join(f"{count:,} {name}" for count, name in zip(rows, PARTS, strict=True))
    click.echo(f"{section.method}: {counted}")


if __name__ == "__main__":
    main()
