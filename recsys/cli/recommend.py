"""`recsys recommend`."""

import json
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from recsys.cli.project import CHECKPOINT, FEATURES, LOG, RETRIEVAL
from recsys.cli.targets import check_file
from recsys.common.command import PATH, command
from recsys.common.errors import InputError

# How many movies with a similar title are named.
MAX_OTHERS = 3


@command
# Who, or what.
@click.option("--user", type=str, help="Recommend to the user with this id.")
@click.option("--ratings", type=PATH, help="Recommend to a person with the ratings in this file.")
@click.option("--all", "target", type=PATH, help="Recommend to every user, into this file.")
@click.option("--movie", type=str, help="Find movies like the movie with this id or title.")
# Which movies, in which order.
@click.option(
    "--top", type=click.IntRange(1), default=10, show_default=True, help="How many for each."
)
@click.option("--genre", multiple=True, help="Only movies of this genre; again for one or another.")
@click.option("--years", help="Only movies of the release years FROM-TO; either may be left out.")
@click.option(
    "--popularity",
    type=click.FloatRange(-1, 1),
    default=0,
    show_default=True,
    help="Below 0, lesser known movies come first; above 0, better known ones.",
)
@click.option(
    "--diversity",
    type=click.FloatRange(0, 1),
    default=0,
    show_default=True,
    help="How much a movie loses that is similar to one before it in the list.",
)
@click.option(
    "--time",
    type=click.DateTime(),
    help="When the person asks (UTC): later ratings do not count; else just after the last one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@CHECKPOINT
@FEATURES
@RETRIEVAL
@LOG
def main(
    user: str | None,
    ratings: Path | None,
    target: Path | None,
    movie: str | None,
    top: int,
    genre: tuple[str, ...],
    years: str | None,
    popularity: float,
    diversity: float,
    time: datetime | None,
    as_json: bool,
    checkpoint: Path,
    features: Path,
    retrieval: Path,
    log: Path,
) -> None:
    """Recommend movies to people, or find movies like another.

    Ids are those that the data set publishes. The list leaves out movies that the person has rated
    and movies without a training rating. First come movies that people with the same movies
    interact with, and that the person would like. The score is the probability of a like. Beside
    it stand the expected stars, but for a model of the label alone (`train.thresholds: label`, or
    labels 0 and 1).

    With --time, ratings of that second and later are as if they were not there yet, so their movies
    may be recommended. What the models learnt in training stays. Where features come from ratings
    and the split is random, all ratings count at any time.

    The file RATINGS is a table with the columns movieid or title, rating, and perhaps timestamp
    (seconds since 1970, or like 2026-11-25 16:00:00). With --user, these are new ratings of the
    user. Only a model with features that come from ratings (features.dense, or liked and disliked)
    gives other scores for them; the order depends on them with every model.

    With --all, the file is Parquet or CSV, by the end of its name. It has the columns userid, rank
    (from 1), movieid, title, score and stars, a row for each recommendation, sorted by user and
    rank.

    \b
    Examples:
      recsys recommend --user 42
      recsys recommend --user 42 --genre Comedy --genre Drama --years 1950-1979
      recsys recommend --ratings mine.csv --popularity -0.3 --diversity 0.5
      recsys recommend --all best.parquet --top 20
      recsys recommend --movie "toy story" --top 5 --json
    """
    check_options(user is not None or ratings is not None, movie, target, as_json, log)
    if movie is not None and (genre or years is not None or popularity or diversity or time):
        raise InputError("--movie takes --top and --json alone; leave the other options out")
    if math.isnan(popularity) or math.isnan(diversity):
        raise InputError("--popularity and --diversity are numbers, not nan")
    # Slow to import: wrong options are refused before.
    import torch

    from recsys.serving.people.given import read_given
    from recsys.serving.people.history import NO_RATINGS
    from recsys.serving.people.person import find_end, find_person
    from recsys.serving.recommend.options import ANY_YEAR, RecommendOptions, read_years
    from recsys.serving.recommend.recommend_all import recommend_to_all
    from recsys.serving.recommend.recommend_one import read_similar, recommend
    from recsys.serving.recommend.recommender import Recommender

    torch.set_num_threads(1)
    if movie is not None:
        found = read_similar(checkpoint, retrieval, movie, top)
        if found["others"]:
            click.echo(format_match(movie, found), err=True)
        show(found, as_json, format_similar(found))
        return
    span = ANY_YEAR if years is None else read_years(years)
    options = RecommendOptions(genre, span, popularity, diversity)
    as_of = int(time.replace(tzinfo=timezone.utc).timestamp()) if time else None
    recommender = Recommender.load(checkpoint, features, retrieval)
    scorer = recommender.scorer
    if target is not None:
        dimensions = recommender.dimensions
        rows = recommend_to_all(recommender, log, target, top, as_of, options)
        click.echo(f"{rows:,} recommendations for {len(dimensions.ids['users']):,} users written")
        return
    new = NO_RATINGS
    if ratings:
        new = read_given(ratings, scorer.dimensions, find_end(scorer, log))
    person = find_person(scorer, log, user, new)
    found = recommend(recommender, person, top, as_of, options)
    uses_ratings = scorer.online is not None
    text = format_recommendations(found, uses_ratings, len(person.history.movie))
    show(found, as_json, text)


def check_options(
    to_person: bool, movie: str | None, target: Path | None, as_json: bool, log: Path
) -> None:
    """Raises: InputError: the options do not say one thing to do, or the file cannot be written."""
    if to_person + (target is not None) + (movie is not None) != 1:
        raise InputError(
            "give either --user ID, --ratings FILE or both, or --movie ID or title, or --all FILE"
        )
    if target is not None:
        # Imports no more than pyarrow.
        from recsys.serving.predict.streams import check_suffix

        check_suffix(target)
        check_file(target)
        place = target.resolve()
        if log.resolve() in (place, *place.parents):
            raise InputError(f"{target} has the ratings; name another file")
        if as_json:
            raise InputError("--all writes a file, and --json prints; leave one of them out")


def show(found: dict[str, Any], as_json: bool, text: str) -> None:
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else text)


def format_match(query: str, found: dict[str, Any]) -> str:
    """A line that says which movie was taken for words of a title, and which others match."""
    movie, others = found["movie"], found["others"]
    names = [f"{other['movie']}, {other['title']}" for other in others[:MAX_OTHERS]]
    more = "; ..." if len(others) > MAX_OTHERS else ""
    return (
        f'"{query}": taking {movie["movie"]}, {movie["title"]}; {len(others)} more: '
        f"{'; '.join(names)}{more}"
    )


def format_recommendations(found: dict[str, Any], uses_ratings: bool, ratings: int) -> str:
    """The text of the command.

    Args:
        uses_ratings: whether the model has features that come from the user's ratings.
        ratings: the number of the person's ratings at any time.
    """
    who = "a new person" if found["user"] is None else f"user {found['user']}"
    lines = [f"{who} rated {found['rated']:,} movies; among the best:"]
    lines += format_movies(found["liked"], rating=".1f")
    if later := ratings - found["rated"]:
        lines.append(f"ratings that do not count, as they are not before --time: {later:,}")
    if found["user"] is not None and not found["in_training"] and not uses_ratings:
        lines.append("none of these ratings is in training: the scores are those of a new user")
    has_stars = any(movie["stars"] is not None for movie in found["recommended"])
    lines.append(f"recommended (probability of a like{', expected stars' if has_stars else ''}):")
    lines += format_movies(found["recommended"], score=".3f", stars="5.2f")
    return "\n".join(lines)


def format_similar(found: dict[str, Any]) -> str:
    itself = found["movie"]
    return "\n".join(
        [
            f"like {itself['movie']}, {itself['title']} [{', '.join(itself['genres'])}]",
            "(weight: how much one says about the other in the retrieval model):",
            *format_movies(found["similar"], weight=".3f"),
        ]
    )


def format_movies(movies: list[dict[str, Any]], **forms: str) -> list[str]:
    """A line for each movie: its numbers, id, title and genres; then a line with the reasons."""
    lines = []
    for movie in movies:
        known = ((movie[name], form) for name, form in forms.items() if movie[name] is not None)
        numbers = "".join(f"  {number:{form}}" for number, form in known)
        start = f"{numbers}  {movie['movie']:>6}  "
        lines.append(f"{start}{movie['title']}  [{', '.join(movie['genres'])}]")
        if movie.get("because"):
            lines.append(f"{' ' * len(start)}because of {' and '.join(movie['because'])}")
    return lines or ["  none"]
