"""Somebody that movies are recommended to: a user of the data set, or a new person.

Shapes: R ratings, U users.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from recsys.common.errors import InputError
from recsys.features.online import LabelledRatings
from recsys.features.visibility import Floats, Ints
from recsys.retrieval.histories import UserHistories
from recsys.serving.catalogue import find_row
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.people.given import GivenRatings
from recsys.storage import schemas
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import read_batches, read_last

COLUMNS = ["movie", "rating", "label", "timestamp"]


@dataclass(frozen=True)
class Person:
    """Somebody with all their ratings.

    Attributes:
        user: row of the users table; U for a new person
        rated: movie (its row), rating, label and timestamp of each rating
        ratings: what computed features come from; None if the model has no such features.
        moment: the second after the last rating, since 1970; without any, that after the last one
            in the data set
    """

    user: int
    rated: pd.DataFrame
    ratings: LabelledRatings | None
    moment: int

    def at(self, moment: int, scorer: PairScorer) -> "Person":
        """The person at a time, since 1970, with the ratings that count then."""
        rated = self.rated
        if scorer.past_only:
            rated = rated[rated["timestamp"] < moment]
        return replace(self, rated=rated, moment=moment)

    def history(self, scorer: PairScorer) -> UserHistories:
        """What this one person interacted with."""
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
        return meet(scorer, find_end(scorer, log), given)
    dimensions = scorer.dimensions
    user = find_row(dimensions.raw_ids("users"), userid, "user")
    require_same_run(log, read_lineage(log, "encode"), dimensions.folder, dimensions.lineage)
    return recall(scorer, user, read_ratings_of(user, log), find_end(scorer, log), given)


def find_end(scorer: PairScorer, log: Path) -> int:
    """The time of the data set's last rating, in seconds since 1970; 0 if the log is not there.

    Somebody new needs no log, and 0 leaves their ratings before any time that is asked for.

    Raises:
        InputError: the log belongs to another run.
    """
    if scorer.store is not None:
        return scorer.store.end
    if not log.exists():
        return 0
    dimensions = scorer.dimensions
    require_same_run(log, read_lineage(log, "encode"), dimensions.folder, dimensions.lineage)
    # Encode sorts the ratings by time.
    return int(read_last(log, schemas.RATINGS, "timestamp"))


def recall(
    scorer: PairScorer, user: int, rated: pd.DataFrame, end: int, given: GivenRatings | None = None
) -> Person:
    """A user of the data set, with or without new ratings. The scorer stays as it is.

    Args:
        user: row of the users table.
        rated: the user's ratings in the log, as `read_ratings_of` gives them.
        end: the time of the data set's last rating, in seconds since 1970.

    Raises:
        InputError: the user has rated one of the given movies already.
    """
    dimensions, new = scorer.dimensions, describe_ratings(given, end, scorer)
    if len(again := np.intersect1d(rated["movie"], new["movie"])):
        userid, movieid = (
            dimensions.raw_ids(table)[row]
            for table, row in (("users", user), ("movies", int(again[0])))
        )
        raise InputError(f"user {userid} has rated movie {movieid} already; leave it out")
    if len(new):
        rated = pd.concat([rated, new], ignore_index=True)
    return with_features(scorer, user, rated, end, new)


def meet(scorer: PairScorer, end: int, given: GivenRatings | None = None) -> Person:
    """A new person with some ratings. The scorer stays as it is.

    Args:
        end: as for `recall`.
    """
    new = describe_ratings(given, end, scorer)
    return with_features(scorer, len(scorer.userids), new, end, new)


def with_features(
    scorer: PairScorer, user: int, rated: pd.DataFrame, end: int, new: pd.DataFrame
) -> Person:
    """A person with what computed features come from.

    Args:
        rated: all ratings of the person.
        end: as for `recall`.
        new: those of them that the scorer does not know.
    """
    store, moment = scorer.store, int(rated["timestamp"].max() if len(rated) else end) + 1
    if store is None:
        return Person(user, rated, None, moment)
    movie, stars, seconds = columns_of(new)
    ratings = store.ratings_of(np.array([user])).extend(
        store.label_new_ratings(np.full(len(movie), user), movie, stars, seconds)
    )
    return Person(user, rated, ratings, moment)


def columns_of(rated: pd.DataFrame) -> tuple[Ints, Floats, Ints]:
    """The movies (rows), the stars and the times in seconds since 1970, [R] each."""
    movie, stars, seconds = (rated[name].to_numpy() for name in ("movie", "rating", "timestamp"))
    return movie, stars, seconds


def describe_ratings(given: GivenRatings | None, end: int, scorer: PairScorer) -> pd.DataFrame:
    """Given ratings with the columns of `Person.rated`; those without a time get `end`."""
    if given is None:
        given = GivenRatings(np.empty(0, np.int64), np.empty(0))
    label = given.stars > scorer.dimensions.vocabulary.like_cut
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
