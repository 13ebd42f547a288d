"""User histories: the liked and disliked movies of each user, and which are visible to a rating.

All liked movies are in one log, and all disliked movies in another. A log is sorted by user, then
time. The history of a rating is a stretch of a log: consecutive entries, except the rating's own.

Every exported artifact holds a copy of this file, so it imports NumPy and other copies.

Shapes: B target rows, E entries of a log.
"""

from dataclasses import dataclass

import numpy as np

from recsys.common.arrays import Ints, Mask
from recsys.features.visibility import RatingLog

# The label of the entries of each history.
HISTORIES = {"liked": 1, "disliked": 0}


@dataclass(frozen=True)
class History:
    """One log, and a stretch of it for each target.

    Attributes:
        movies: the movie of each entry, as its row in the movies table, [E]
        start: the first entry of each row's stretch, [B]
        length: the number of entries in it, [B]
        skip: the row's own entry if its stretch contains it, else -1, [B]
    """

    movies: Ints
    start: Ints
    length: Ints
    skip: Ints

    def columns(self, name: str, before: int) -> dict[str, Ints]:
        """The stretches as columns by name, each [B].

        Args:
            before: the number of entries that a longer log has before this one.
        """
        start = self.start.astype(np.int64) + before
        skip = np.where(self.skip < 0, -1, self.skip.astype(np.int64) + before)
        return {f"{name}_start": start, f"{name}_length": self.length, f"{name}_skip": skip}


def find_history(log: RatingLog, label: int, longest: int) -> History:
    """Find the log of the ratings with one label, and a stretch of it for each target.

    Args:
        longest: the largest number of entries that a row sees.
    """
    order = log.by_user.order
    entries: Mask = (log.label[order] == label) & log.is_context[order]
    return History(log.movie[order[entries]], *log.by_user.stretches(entries, longest))
