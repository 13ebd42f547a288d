"""Trends: how popular movies are lately, beside how popular they have been all the time.

Shapes: N ratings, M movies.
"""

import numpy as np
import numpy.typing as npt

from recsys.retrieval.ease import Ints

# The number of ratings that pull a movie's trend to 1.
DAMPING = 10


def find_trend(movie: Ints, seconds: Ints, movies: int, days: float) -> npt.NDArray[np.float64]:
    """Each movie's share of the recent ratings over its share of all ratings, [M].

    A rating counts as recent by exp(-age / days); its age is the time to the last rating.

    Args:
        movie: of each rating, [N]
        seconds: the time of each rating, in seconds since 1970, [N]
        movies: M
        days: the days after which a rating counts 37 %.
    """
    recent = np.exp((seconds - seconds.max()) / (days * 86_400))
    rate = recent.mean()
    # Each movie is given DAMPING ratings of average age.
    lately = np.bincount(movie, recent, movies) + DAMPING * rate
    ever = np.bincount(movie, minlength=movies) + DAMPING
    trend: npt.NDArray[np.float64] = lately / (ever * rate)
    return trend
