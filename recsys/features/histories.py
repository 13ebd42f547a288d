"""What a user liked and disliked: logs of movies, and for each rating the stretch that it may know.

Shapes: N ratings.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys.features.visibility import Facts, Ints, Mask

Columns = dict[str, npt.NDArray[np.int32]]
HISTORIES = {"liked": 1, "disliked": 0}
# Of a row that is not in its own stretch.
NOWHERE = -1


@dataclass(frozen=True)
class History:
    """One log, each user's entries after the other's in the order of time, and its stretches.

    Attributes:
        rows: the rating behind each entry of the log.
        start, length: of the entries that a rating may know, of which `skip` is not one, [N]
        skip: the rating's own entry, where it lies within, or `NOWHERE`, [N]
    """

    rows: Ints
    start: Ints
    length: Ints
    skip: Ints

    def columns(self, name: str, rows: Ints) -> Columns:
        """The stretches of some ratings, by column."""
        return {
            f"{name}_{part}": getattr(self, part)[rows].astype(np.int32)
            for part in ("start", "length", "skip")
        }


def find_history(facts: Facts, label: int, longest: int) -> History:
    """The log of the ratings with a label, and at most `longest` entries for each rating.

    Where the facts are causal, the last ones of an earlier second. Else those of the training part
    nearest in the user's order, on both sides; a stretch with the rating itself in it is one
    longer, so that its length does not tell the label.
    """
    order = facts.by_user.order
    entries: Mask = facts.label[order] == label
    if not facts.causal:
        entries &= facts.training[order]
    # Entries before each position of the order, and before its end.
    before = np.append(0, np.cumsum(entries))
    places = np.arange(len(order))
    start, skip = np.empty((2, len(order)), np.int64)
    if facts.causal:
        stop = before[facts.by_user.end]
        begin = np.maximum(before[facts.by_user.start], stop - longest)
        own = np.full(len(order), NOWHERE)
    else:
        user = facts.user[order]
        first = before[facts.by_user.start]
        last = before[np.searchsorted(user, user, "right")]
        own = np.where(entries, before[places], NOWHERE)
        width = longest + entries
        begin = np.clip(before[places] - longest // 2, first, np.maximum(first, last - width))
        stop = np.minimum(begin + width, last)
    length = np.empty(len(order), np.int64)
    start[order], length[order], skip[order] = begin, stop - begin, own
    return History(order[entries], start, length, skip)
