"""`recsys recommend`."""

import json
from datetime import datetime, timezone
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from recsys.cli.project import CHECKPOINT, EXPOSURE, FEATURES, LOG
from recsys.common.command import PATH, command
from recsys.common.errors import InputError


@command
@click.option("--user", type=str, help="Recommend to the user with this id.")
@click.option("--ratings", type=PATH, help="Recommend to somebody who rated what this file says.")
@click.option("--movie", type=str, help="Find movies like the one with this id.")
@click.option(
    "--top", type=click.IntRange(1), default=10, show_default=True, help="How many to print."
)
@click.option(
    "--time",
    type=click.DateTime(),
    help="When the person would watch the movies (UTC); else just after the last rating.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@CHECKPOINT
@FEATURES
@EXPOSURE
@LOG
def main(
    user: str | None,
    ratings: Path | None,
    movie: str | None,
    top: int,
    time: datetime | None,
    as_json: bool,
    checkpoint: Path,
    features: Path,
    exposure: Path,
    log: Path,
) -> None:
    """Recommend movies to a person, or find movies like another.

    Ids are those that the data set publishes. Nobody gets a movie that they have rated, and none
    without a training rating. Movies come first that people with the same movies pick up, and that
    the person would like. The score is the probability of a like; with `train.task: regression`,
    the expected stars.

    The file RATINGS is a table with the columns movieid or title, rating, and perhaps timestamp
    (seconds since 1970, or like 2026-11-25 16:00:00). With --user, these are new ratings of the
    user. Only a model with features that come from ratings (features.dense, or liked and disliked)
    gives other scores for them; the order depends on them with every model.

    \b
    Examples:
      recsys recommend --user 42
      recsys recommend --ratings mine.csv
      recsys recommend --movie 260 --top 5 --json
    """
    if (movie is None) == (user is None and ratings is None):
        raise InputError("give either --user ID, --ratings FILE or both, or --movie ID")
    # Slow to import: wrong options are refused before.
    import torch

    from recsys.models.checkpoint import read_checkpoint
    from recsys.retrieval.exposure import Exposure
    from recsys.serving.given import read_given
    from recsys.serving.person import find_person
    from recsys.serving.recommend import find_similar, recommend
    from recsys.serving.recommender import Recommender

    torch.set_num_threads(1)
    if movie is not None:
        _, _, dimensions = read_checkpoint(checkpoint)
        exposed = Exposure.load(exposure, dimensions.folder, dimensions.origin)
        found = find_similar(exposed, dimensions, movie, top)
        text = format_similar(found)
    else:
        recommender = Recommender.load(checkpoint, features, exposure)
        scorer = recommender.scorer
        given = read_given(ratings, scorer.dimensions) if ratings else None
        person = find_person(scorer, log, user, given)
        moment = int(time.replace(tzinfo=timezone.utc).timestamp()) if time else None
        found = recommend(recommender, person, top, moment)
        text = format_recommendations(found, scorer.description.task, scorer.store is not None)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else text)


def format_recommendations(found: dict[str, Any], task: str, uses_ratings: bool) -> str:
    """The text of the command.

    Args:
        uses_ratings: whether the model has features that come from the user's ratings.
    """
    unit = "probability of a like" if task == "classification" else "expected stars"
    who = "a new person" if found["user"] is None else f"user {found['user']}"
    lines = [f"{who} rated {found['rated']:,} movies; among the best:"]
    lines += format_movies(found["liked"], "rating", ".1f")
    if found["user"] is not None and not found["in_training"] and not uses_ratings:
        lines.append("none of these ratings is in training: the scores are those of a new user")
    lines.append(f"recommended ({unit}):")
    shown = format_movies(found["recommended"], "score", ".3f")
    for line, movie in zip_longest(shown, found["recommended"]):
        lines.append(line)
        if movie and movie["because"]:
            lines.append(f"                 because of {' and '.join(movie['because'])}")
    return "\n".join(lines)


def format_similar(found: dict[str, Any]) -> str:
    itself = found["movie"]
    return "\n".join(
        [
            f"like {itself['movie']}, {itself['title']} [{', '.join(itself['genres'])}]",
            "(weight: how much one says about who picks up the other):",
            *format_movies(found["similar"], "weight", ".3f"),
        ]
    )


def format_movies(movies: list[dict[str, Any]], name: str, form: str) -> list[str]:
    """A line for each movie: its number, id, title and genres."""
    return [
        f"  {movie[name]:{form}}  {movie['movie']:>6}  {movie['title']}  "
        f"[{', '.join(movie['genres'])}]"
        for movie in movies
    ] or ["  none"]
