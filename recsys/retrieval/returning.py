"""Which movies people rate when they come back, relative to what all rate.

Most ratings of MovieLens are of a person's first days. Whoever comes back later rates other movies:
new ones, and those that the first pages did not show.

Shapes: M movies.
"""

import numpy as np

from recsys.common.arrays import Floats
from recsys.retrieval.histories import UserHistories

# The number of later ratings that pull a movie's ratio to 1.
DAMPING = 3


def find_returning(histories: UserHistories, days: float) -> Floats:
    """Each movie's fraction of the later ratings over its fraction of all ratings, [M].

    Args:
        histories: all ratings.
        days: a rating is a later one if the person's first rating is at least this much older.
    """
    lengths = np.diff(histories.starts)
    first = np.repeat(histories.seconds[histories.starts[:-1][lengths > 0]], lengths[lengths > 0])
    later = histories.seconds - first >= days * 86_400
    counts = np.bincount(histories.movie[later], minlength=histories.movies)
    expected = np.bincount(histories.movie, minlength=histories.movies) * later.mean()
    ratio: Floats = (counts + DAMPING) / (expected + DAMPING)
    return ratio
