"""Scores of the pairs in a file."""

from pathlib import Path

import click

from recsys.common.command import CHECKPOINT, ENCODED, PATH, SPLIT, command


@command
@click.argument("pairs", type=PATH)
@click.argument("scores", type=PATH)
@click.option(
    "--unknown",
    type=click.Choice(["fail", "score"]),
    default="fail",
    show_default=True,
    help="What of an id that the data set has not: end, or score it as nobody or nothing known.",
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@CHECKPOINT
@ENCODED
@SPLIT
def main(
    pairs: Path,
    scores: Path,
    unknown: str,
    threads: int,
    checkpoint: Path,
    encoded: Path,
    split: Path,
) -> None:
    """Score the rows of the file PAIRS and write them with their scores to SCORES.

    Both are Parquet or CSV, as their names end. PAIRS has the columns userid and movieid, ids as
    published; its other columns are kept. A score is the probability of a like; of a regression,
    the stars expected.
    """
    from recsys.serving.streams import check_suffix

    check_suffix(pairs)
    check_suffix(scores)
    # Slow to import: a wrong name is told before.
    import torch

    from recsys.common.memory import keep_freed_memory
    from recsys.serving.pairs import PairScorer
    from recsys.serving.predict import score_file

    torch.set_num_threads(threads)
    keep_freed_memory()
    scorer = PairScorer(checkpoint, encoded, split / "train.parquet")
    rows = score_file(scorer, pairs, scores, unknown == "score")
    click.echo(f"{rows:,} pairs scored")


if __name__ == "__main__":
    main()
