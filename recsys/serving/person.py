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
from recsys.retrieval.histories import UserHistories
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
        moment: the second after the last rating, since 1970; without any, that after the last one
            in the data set, or 0 if the model has no computed features
    """

    user: int
    rated: pd.DataFrame
    ratings: Ratings | None
    moment: int

    def history(self, scorer: PairScorer) -> UserHistories:
        """What this one person picked up."""
        scale = scorer.dimensions.vocabulary.rating_scale
        movie, stars, seconds = columns_of(self.rated)
        nobody_else, rating = np.zeros(len(movie), int), scale.normalise(stars.astype(np.float32))
        return UserHistories.group(
            1, len(scorer.movieids), nobody_else, movie.astype(int), rating, seconds.astype(int)
        )


def find_person(
    scorer: PairScorer, log: Path, userid: str | int | None, given: GivenRatings | None = None
) -> Person:
    """The user with an id, with or without new ratings; or a new person.

    Args:
        log: a file with the columns of `schemas.RATINGS`.
        userid: the published id; None for a new person.

    Raises:
        InputError: there is no such user, the user has rated one of the given movies already, or
            the log belongs to another run.
    """
    if userid is None:
        return meet(scorer, given)
    dimensions = scorer.dimensions
    user = find_row(dimensions.raw_ids("users"), userid, "user")
    require_same_run(log, read_metadata(log), dimensions.folder, dimensions.origin)
    return recall(scorer, user, read_ratings_of(user, log), given)


def recall(
    scorer: PairScorer, user: int, rated: pd.DataFrame, given: GivenRatings | None = None
) -> Person:
    """A user of the data set, with or without new ratings. The scorer stays as it is.

    Args:
        user: row of the users table.
        rated: the user's ratings in the log, as `read_ratings_of` gives them.

    Raises:
        InputError: the user has rated one of the given movies already.
    """
    dimensions, new = scorer.dimensions, describe_ratings(given, scorer, rated)
    if dimensions.vocabulary.drawn_negatives:
        # Nobody has an interaction with the items that were drawn: they may be recommended.
        rated = rated[rated["label"] == 1]
    if len(again := np.intersect1d(rated["movie"], new["movie"])):
        userid, movieid = (
            dimensions.raw_ids(table)[row]
            for table, row in (("users", user), ("movies", int(again[0])))
        )
        raise InputError(f"user {userid} has rated movie {movieid} already; leave it out")
    if len(new):
        rated = pd.concat([rated, new], ignore_index=True)
    return with_features(scorer, user, rated, new)


def meet(scorer: PairScorer, given: GivenRatings | None = None) -> Person:
    """A new person with some ratings. The scorer stays as it is."""
    new = describe_ratings(given, scorer)
    return with_features(scorer, len(scorer.userids), new, new)


def with_features(scorer: PairScorer, user: int, rated: pd.DataFrame, new: pd.DataFrame) -> Person:
    """A person with what computed features come from.

    Args:
        rated: all ratings of the person.
        new: those of them that the scorer does not know.
    """
    store = scorer.store
    end = store.end if store else -1
    moment = int(rated["timestamp"].max() if len(rated) else end) + 1
    if store is None:
        return Person(user, rated, None, moment)
    movie, stars, seconds = columns_of(new)
    ratings = store.ratings_of(np.array([user])).extend(
        store.rate(np.full(len(movie), user), movie, stars, seconds)
    )
    return Person(user, rated, ratings, moment)


def columns_of(rated: pd.DataFrame) -> tuple[Ints, Floats, Ints]:
    """The movies (rows), the stars and the times in seconds since 1970, [R] each."""
    movie, stars, seconds = (rated[name].to_numpy() for name in ("movie", "rating", "timestamp"))
    return movie, stars, seconds


def describe_ratings(
    given: GivenRatings | None, scorer: PairScorer, rated: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Given ratings with the columns of `Person.rated`.

    Args:
        rated: the earlier ratings of the person. Ratings without a time are no earlier than these.
    """
    if given is None:
        given = GivenRatings(np.empty(0, np.int64), np.empty(0))
    end = scorer.store.end if scorer.store else 0
    if rated is not None and len(rated):
        end = max(end, int(rated["timestamp"].max()))
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
