"""A person to whom movies are recommended: a user of the data set, or a new person.

Shapes: R ratings, U users.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recsys.common.errors import InputError
from recsys.features.online import LabelledRatings
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.people.history import NO_RATINGS, UserHistory
from recsys.serving.people.log import Log, read_end


@dataclass(frozen=True)
class Person:
    """A person with all their ratings.

    Attributes:
        user: row of the users table; U for a new person
        history: the ratings that count
        ratings: all ratings, as computed features take them; None if the model has no such features
        as_of: the time of the question, in seconds since 1970
    """

    user: int
    history: UserHistory
    ratings: LabelledRatings | None
    as_of: int

    def at(self, as_of: int, past_only: bool) -> "Person":
        """The person at another time.

        Args:
            past_only: whether only the ratings before this time count.
        """
        history = self.history
        if past_only:
            history = history.take(history.seconds < as_of)
        return replace(self, history=history, as_of=as_of)


def find_person(
    scorer: CheckpointModel, log: Path, userid: int | str | None, new: UserHistory = NO_RATINGS
) -> Person:
    """The user with an id, or a new person.

    Args:
        log: a file with the columns of `schemas.RATINGS`.
        userid: the published id; None for a new person.
        new: ratings of the person that the log does not have.

    Raises:
        InputError: there is no such user, the user has rated one of the new movies already, or the
            log belongs to another run.
    """
    if userid is None:
        return new_person(scorer, new, find_end(scorer, log))
    (user,) = scorer.dimensions.ids["users"].rows([userid]).tolist()
    return load_person(scorer, Log(log, scorer.dimensions, user), user, new)


def load_person(scorer: CheckpointModel, log: Log, user: int, new: UserHistory) -> Person:
    """A user of the data set, just after their last rating. The scorer stays as it is.

    Args:
        user: row of the users table.
        new: ratings of the user that the log does not have.

    Raises:
        InputError: the user has rated one of the new movies already.
    """
    history, ids = log.of(user), scorer.dimensions.ids
    if len(again := np.intersect1d(history.movie, new.movie)):
        (userid,), (movieid,) = ids["users"].take([user]), ids["movies"].take(again[:1])
        raise InputError(f"user {userid} has rated movie {movieid} already; leave it out")
    return _make_person(scorer, user, history.extend(new), new, log.end)


def new_person(scorer: CheckpointModel, new: UserHistory, end: int) -> Person:
    """A new person with some ratings, just after the last one. The scorer stays as it is.

    Args:
        end: the time of the data set's last rating, in seconds since 1970.
    """
    return _make_person(scorer, len(scorer.dimensions.ids["users"]), new, new, end)


def find_end(scorer: CheckpointModel, log: Path) -> int:
    """The time of the data set's last rating, in seconds since 1970; 0 if the log is not there.

    A new person needs no log. Their ratings without a time then have the time 0, so they count at
    any time of the question.

    Raises:
        InputError: the log belongs to another run.
    """
    if scorer.online is not None:
        return scorer.online.end
    return read_end(log, scorer.dimensions) if log.exists() else 0


def _make_person(
    scorer: CheckpointModel, user: int, history: UserHistory, new: UserHistory, end: int
) -> Person:
    as_of = int(history.seconds.max() if len(history.seconds) else end) + 1
    if scorer.online is None:
        return Person(user, history, None, as_of)
    own = np.full(len(new.movie), user)
    added = scorer.online.label_new_ratings(own, new.movie, new.stars, new.seconds)
    return Person(user, history, scorer.online.ratings_of(np.array([user])).extend(added), as_of)
