"""User histories for tests."""

from collections.abc import Sequence

import numpy as np

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
