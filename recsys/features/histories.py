"""What a user liked and disliked: logs of movies, and the stretch of them visible to each rating.

Shapes: N ratings, E entries of a log.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.features.visibility import Ints, Mask, RatingLog

Columns = dict[str, npt.NDArray[np.int32]]
# By feature, the label of its entries.
HISTORIES = {"liked": 1, "disliked": 0}


@dataclass(frozen=True)
class History:
    """One log, each user's entries after the other's in the order of time, and its stretches.

    Attributes:
        movies: of each entry the row of its movie, [E]
        start, length: of the entries visible to a rating, [N]
        skip: the rating's own entry, where it lies within its stretch, or -1, [N]
    """

    movies: Ints
    start: Ints
    length: Ints
    skip: Ints

    def columns(self, name: str) -> Columns:
        """The stretches by column, each [N]."""
        ends = {"start": self.start, "length": self.length, "skip": self.skip}
        return {f"{name}_{end}": values.astype(np.int32) for end, values in ends.items()}


def find_history(log: RatingLog, label: int, longest: int) -> History:
    """The log of the ratings with a label, and at most `longest` entries for each rating."""
    order = log.by_user.order
    entries: Mask = log.label[order] == label
    if not log.past_only:
        entries &= log.training[order]
    stretches = np.empty((3, len(order)), np.int64)
    stretches[:, order] = log.by_user.stretches(entries, longest)
    return History(log.movie[order[entries]], *stretches)
