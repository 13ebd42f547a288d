"""The ratings of one person.

Shapes: R ratings, B people.
"""

from typing import Any, NamedTuple

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask
from recsys.retrieval.histories import UserHistories
from recsys.storage.dimensions import Dimensions


class UserHistory(NamedTuple):
    """Ratings of one person, from the log or from elsewhere.

    Attributes:
        movie: rows of the movies table, each once, [R]
        stars: [R]
        label: 1 for a like, else 0, [R]
        seconds: the times, in seconds since 1970, [R]
    """

    movie: Ints
    stars: Floats
    label: Ints
    seconds: Ints

    @classmethod
    def from_stars(
        cls, movie: Ints, stars: Floats, seconds: Ints, dimensions: Dimensions
    ) -> "UserHistory":
        """Ratings that the data set does not have, with their labels."""
        label = stars > dimensions.vocabulary.like_cut
        return cls(movie, stars, label.astype(np.int8), seconds)

    def take(self, rows: Ints | Mask | slice) -> "UserHistory":
        """Some of the ratings."""
        columns: list[Any] = [column[rows] for column in self]
        return UserHistory(*columns)

    def extend(self, more: "UserHistory") -> "UserHistory":
        """These ratings, then more of them."""
        columns: list[Any] = [np.concatenate(pair) for pair in zip(self, more, strict=True)]
        return UserHistory(*columns)


def find_repeated(movie: Ints) -> int | None:
    """The place of the first rating whose movie an earlier rating has; None if there is none."""
    _, first = np.unique(movie, return_index=True)
    again = np.setdiff1d(np.arange(len(movie)), first)
    return int(again[0]) if len(again) else None


NO_RATINGS = UserHistory(
    np.empty(0, np.int64), np.empty(0), np.empty(0, np.int8), np.empty(0, np.int64)
)


def to_histories(
    ratings: UserHistory, person: Ints, people: int, dimensions: Dimensions
) -> UserHistories:
    """Ratings of B people as the retrieval model takes them.

    Args:
        ratings: of all of the people.
        person: whose rating each is, from 0, [R]
        people: B
    """
    rating = dimensions.vocabulary.rating_scale.normalise(ratings.stars.astype(np.float32))
    movies = len(dimensions.ids["movies"])
    return UserHistories.group(
        people, movies, person, ratings.movie.astype(np.int64), rating, ratings.seconds
    )
