"""`recsys predict`."""

from pathlib import Path

import click

from recsys.cli.project import CHECKPOINT, FEATURES
from recsys.cli.targets import check_file
from recsys.common.command import PATH, command
from recsys.common.errors import InputError


@command
@click.argument("pairs", type=PATH)
@click.argument("scores", type=PATH)
@click.option(
    "--unknown",
    type=click.Choice(["fail", "score"]),
    default="fail",
    show_default=True,
    help="Refuse an id that the data set does not have, or score it as an unknown user or movie.",
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that score."
)
@click.option(
    "--time",
    "time_column",
    help="The column of times, in seconds since 1970; else just after the user's last rating.",
)
@CHECKPOINT
@FEATURES
def main(
    pairs: Path,
    scores: Path,
    unknown: str,
    threads: int,
    time_column: str | None,
    checkpoint: Path,
    features: Path,
) -> None:
    """Score the pairs of users and movies in a file.

    Reads the rows of the file PAIRS and writes them with their scores to the file SCORES. Both are
    Parquet or CSV, by the end of the name. PAIRS has the columns userid and movieid, ids as
    published; other columns are kept. 3, 3.0 and a text of either are the same id. SCORES has two
    more: score, the probability of a like, and stars, the expected stars. A model of the label
    alone (`train.thresholds: label`, or labels 0 and 1) gives the score alone.

    \b
    Examples:
      recsys predict pairs.parquet scores.parquet
      recsys predict pairs.csv scores.csv --unknown score
    """
    from recsys.serving.predict.streams import check_suffix

    check_suffix(pairs)
    check_suffix(scores)
    check_file(scores)
    if pairs.exists() and scores.exists() and pairs.samefile(scores):
        raise InputError(f"{scores} is the file of the pairs; name another file for the scores")
    # Slower to import: a wrong name is refused before.
    import torch

    from recsys.common.memory import keep_freed_memory
    from recsys.serving.checkpoint_model import CheckpointModel
    from recsys.serving.predict.score_file import score_file

    torch.set_num_threads(threads)
    keep_freed_memory()
    scorer = CheckpointModel(checkpoint, features, threads)
    rows = score_file(scorer, pairs, scores, unknown == "score", time_column)
    click.echo(f"{rows:,} pairs scored")
