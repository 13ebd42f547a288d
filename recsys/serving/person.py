"""Somebody that movies are recommended to: a user of the data set, or a new person.

Shapes: R ratings, U users.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from recsys.common.errors import InputError
from recsys.features.online import Ratings
from recsys.features.visibility import Floats, Ints
from recsys.serving.catalogue import find_row
from recsys.serving.given import GivenRatings
from recsys.serving.pair_scorer import PairScorer
from recsys.storage import schemas
from recsys.storage.origin import require_same_run
from recsys.storage.parquet import read_batches, read_metadata

COLUMNS = ["movie", "rating", "label", "timestamp"]


@dataclass(frozen=True)
class Person:
    """Somebody with all their ratings.

    Attributes:
        user: row of the users table; U for a new person
        rated: movie (its row), rating, label and timestamp of each rating
        ratings: what computed features come from; None if the model has no such features.
        moment: the second after the last rating, since 1970; 0 without computed features
    """

    user: int
    rated: pd.DataFrame
    ratings: Ratings | None = None
    moment: int = 0


def find_person(
    scorer: PairScorer, log: Path, userid: str | int | None, given: GivenRatings | None = None
) -> Person:
    """The user with an id, with or without new ratings; or a new person.

    New ratings become known to the scorer.

    Args:
        log: a file with the columns of `schemas.RATINGS`.
        userid: the published id; None for a new person.

    Raises:
        InputError: there is no such user, the user has rated one of the given movies already, or
            the log belongs to another run.
    """
    new = describe_ratings(given, scorer)
    if userid is None:
        return meet(scorer, new)
    dimensions = scorer.dimensions
    user = find_row(dimensions.raw_ids("users"), userid, "user")
    require_same_run(log, read_metadata(log), dimensions.folder, dimensions.origin)
    rated = read_ratings_of(user, log)
    if dimensions.vocabulary.drawn_negatives:
        # Nobody has an interaction with the items that were drawn: they may be recommended.
        rated = rated[rated["label"] == 1]
    if len(again := np.intersect1d(rated["movie"], new["movie"])):
        movie = dimensions.raw_ids("movies")[again[0]]
        raise InputError(f"user {userid} has rated movie {movie} already; remove it from the file")
    if len(new):
        rated = pd.concat([rated, new], ignore_index=True)
    if scorer.store is None:
        return Person(user, rated)
    row = np.array([user])
    scorer.store.append(user, *columns_of(new))
    (moment,) = scorer.store.find_moments(row)
    return Person(user, rated, scorer.store.ratings_of(row), int(moment))


def meet(scorer: PairScorer, rated: pd.DataFrame) -> Person:
    """A new person with some ratings."""
    user, store = len(scorer.userids), scorer.store
    if store is None:
        return Person(user, rated)
    movie, stars, seconds = columns_of(rated)
    ratings = store.rate(np.full(len(movie), user), movie, stars, seconds)
    moment = int(seconds.max() if len(seconds) else store.end) + 1
    return Person(user, rated, ratings, moment)


def columns_of(rated: pd.DataFrame) -> tuple[Ints, Floats, Ints]:
    """The movies (rows), the stars and the times in seconds since 1970, [R] each."""
    movie, stars, seconds = (rated[name].to_numpy() for name in ("movie", "rating", "timestamp"))
    return movie, stars, seconds


def describe_ratings(given: GivenRatings | None, scorer: PairScorer) -> pd.DataFrame:
    """Given ratings with the columns of `Person.rated`."""
    if given is None:
        given = GivenRatings(np.empty(0, np.int64), np.empty(0))
    end = scorer.store.end if scorer.store else 0
    label = given.stars > scorer.dimensions.vocabulary.label_threshold
    seconds = np.full(len(given.movie), end) if given.seconds is None else given.seconds
    return pd.DataFrame(
        {
            "movie": given.movie,
            "rating": given.stars,
            "label": label.astype(np.int8),
            "timestamp": seconds,
        }
    )


def read_ratings_of(user: int, log: Path) -> pd.DataFrame:
    """A user's ratings in all parts, with the columns of `Person.rated`.

    Args:
        user: row of the users table.
        log: a file with the columns of `schemas.RATINGS`.
    """
    pieces = read_batches(log, schemas.RATINGS, ["user", *COLUMNS])
    found: pd.DataFrame = pd.concat(
        [piece.filter(pc.equal(piece["user"], user)).to_pandas() for piece in pieces],
        ignore_index=True,
    )
    return found[COLUMNS]
