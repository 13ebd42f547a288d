"""What a user may like, or what is like a movie."""

import json
from pathlib import Path
from typing import Any

import click

from recsys.common.command import CHECKPOINT, ENCODED, SPLIT, command
from recsys.common.errors import InputError

COSINE = "cosine of the movies' embeddings: who rates them, rates them alike"


@command
@click.option("--user", type=int, help="Recommend to the user of this id.")
@click.option("--movie", type=int, help="Find what is like the movie of this id.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@CHECKPOINT
@ENCODED
@SPLIT
def main(
    user: int | None,
    movie: int | None,
    top: int,
    as_json: bool,
    checkpoint: Path,
    encoded: Path,
    split: Path,
) -> None:
    """Recommend movies to a user, or find movies like another; ids are those published.

    A user is not recommended what they rated, nor movies that training saw no rating of. The
    score is the probability of a like; of a regression, the stars expected.
    """
    if (user is None) == (movie is None):
        raise InputError("give either --user ID or --movie ID")
    # Slow to import: wrong options are told before.
    import torch

    from recsys.serving.pairs import PairScorer
    from recsys.serving.recommend import find_similar, recommend

    torch.set_num_threads(1)
    train_part = split / "train.parquet"
    if user is not None:
        scorer = PairScorer(checkpoint, encoded, train_part)
        found = recommend(scorer, encoded, user, top)
    else:
        assert movie is not None
        found = find_similar(checkpoint, encoded, train_part, movie, top)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif user is not None:
        click.echo(tell_recommendations(found, scorer.description.task))
    else:
        click.echo(tell_similar(found))


def tell_recommendations(found: dict[str, Any], task: str) -> str:
    unit = "probability of a like" if task == "classification" else "stars expected"
    lines = [f"user {found['user']} rated {found['rated']:,} movies; among the best:"]
    lines += tell_movies(found["liked"], "rating", ".1f")
    if not found["in_training"]:
        lines.append("none of these ratings is in training: the scores are those of a new user")
    lines.append(f"recommended ({unit}):")
    lines += tell_movies(found["recommended"], "score", ".3f")
    return "\n".join(lines)


def tell_similar(found: dict[str, Any]) -> str:
    itself = found["movie"]
    lines = [f"like {itself['movie']}, {itself['title']} [{', '.join(itself['genres'])}]"]
    lines += [f"({COSINE}):", *tell_movies(found["similar"], "cosine", ".3f")]
    return "\n".join(lines)


def tell_movies(movies: list[dict[str, Any]], name: str, form: str) -> list[str]:
    """A line a movie: its number, id, title and genres."""
    return [
        f"  {movie[name]:{form}}  {movie['movie']:>6}  {movie['title']}  "
        f"[{', '.join(movie['genres'])}]"
        for movie in movies
    ] or ["  none"]


if __name__ == "__main__":
    main()
