"""Trends: the recent popularity of movies, relative to their popularity at all times.

Shapes: N ratings, M movies.
"""

import numpy as np

from recsys.common.arrays import Floats
from recsys.retrieval.histories import UserHistories

# The number of ratings that pull a movie's trend to 1.
DAMPING = 10


def find_trend(histories: UserHistories, days: float) -> Floats:
    """Each movie's fraction of the recent ratings over its fraction of all ratings, [M].

    A rating counts as recent by exp(-age / days); its age is the time to the last rating.

    Args:
        histories: all ratings.
        days: the days after which a rating counts 37 %.
    """
    movie, seconds, movies = histories.movie, histories.seconds, histories.movies
    recent = np.exp((seconds - seconds.max()) / (days * 86_400))
    rate = recent.mean()
    # Each movie is given DAMPING ratings of average age.
    lately = np.bincount(movie, recent, movies) + DAMPING * rate
    ever = np.bincount(movie, minlength=movies) + DAMPING
    return lately / (ever * rate)
