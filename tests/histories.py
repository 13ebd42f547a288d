"""User histories for tests."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys.retrieval.histories import UserHistories


def make_histories(
    lists: Sequence[Sequence[int]], movies: int, seconds: Sequence[int] | None = None
) -> UserHistories:
    """Histories of movies with the highest rating, each person's one second after the other.

    Args:
        lists: rows of the movies table, of each person.
        movies: M
        seconds: of all ratings, if they are to be others.
    """
    lengths = [len(listed) for listed in lists]
    movie = np.array([row for listed in lists for row in listed], int)
    times = np.arange(len(movie)) if seconds is None else np.array(seconds)
    user = np.repeat(np.arange(len(lists)), lengths)
    return UserHistories.group(
        len(lists), movies, user, movie, np.ones(len(movie), np.float32), times
    )


def find_ratings(
    rated: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The user, the movie and the value of each rating that is not 0, of a table [U, M]."""
    user, movie = np.nonzero(rated)
    return user, movie, rated[user, movie].astype(np.float32)
