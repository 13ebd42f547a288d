"""The area under the ROC curve (AUC) of groups of rows, for many weights of their users at once.

A row counts as often as its user: once in the metric of the data, and as often as the user was
drawn in a bootstrap sample.

Shapes: N rows, U users, C cells, G groups, W weights of a user.
"""

import logging
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from recsys.common.arrays import Floats, Ints

Array = npt.NDArray[np.floating | np.integer | np.bool_]
Weights = npt.NDArray[np.uint8]

log = logging.getLogger(__name__)


class Ranked(NamedTuple):
    """The scores and labels of rows, by ascending score, [N].

    Attributes:
        order: the row at each place; rows of equal scores keep their order.
    """

    scores: Array
    labels: Array
    order: Ints


class Cells(NamedTuple):
    """Which groups each row is in. Rows with the same cell are in the same groups.

    Attributes:
        cell: of each row, [N]
        groups: the groups of each cell, or -1 for none, [C, any number]
        number: the number of groups (G).
    """

    cell: Ints
    groups: npt.NDArray[np.int32]
    number: int


def rank_rows(labels: Array, scores: Array) -> Ranked:
    order = np.argsort(scores, kind="stable")
    return Ranked(scores[order], labels[order], order)


def auc(labels: Array, scores: Array) -> float | None:
    """AUC of all rows; None, with a warning, if all labels are equal."""
    nobody = np.zeros(len(labels), np.int32)
    everything = Cells(nobody, np.zeros((1, 1), np.int32), 1)
    value = weighted_aucs(rank_rows(labels, scores), everything, nobody, np.ones((1, 1), np.uint8))
    if np.isnan(value[0, 0]):
        warn_of_one_class(labels)
        return None
    return float(value[0, 0])


def warn_of_one_class(labels: Array) -> None:
    log.warning("all %d labels are %d: AUC is not defined", len(labels), labels[0])


def weighted_aucs(ranked: Ranked, cells: Cells, users: Ints, weights: Weights) -> Floats:
    """The exact AUC of each group with each weight; ties count half; nan without both labels.

    Args:
        cells, users: the cell and the user of each row, in the order of `ranked`, [N]
        weights: [U, W]

    Returns:
        [G, W]
    """
    # The kernel is compiled anew for every other type of its arguments.
    cell = cells.cell.astype(np.int32, copy=False)
    won, likes, others = _count_pairs(*ranked[:2], cell, *cells[1:], users, weights)
    with np.errstate(invalid="ignore"):
        return won / (likes * others)


def grouped_auc_sums(ranked: Ranked, users: Ints, number: int) -> dict[str, Floats]:
    """For each user, the sums behind the mean of the users' AUCs, weighted by their rows.

    Users whose labels are all equal are left out. Zhu et al. 2017, "Optimized Cost per Click in
    Taobao Display Advertising", call this metric GAUC.

    Args:
        users: as for `weighted_aucs`.
        number: of users (U).

    Returns:
        grouped_rows: the rows of a user with both labels, else 0; grouped_auc: these rows times the
        user's AUC, [U]
    """
    alone = np.arange(number, dtype=np.int32)[:, None]
    ones = np.ones((number, 1), np.uint8)
    won, likes, others = (
        sums[:, 0] for sums in _count_pairs(*ranked[:2], users, alone, number, users, ones)
    )
    pairs = likes * others
    rows = np.where(pairs > 0, likes + others, 0)
    return {"grouped_rows": rows, "grouped_auc": rows * won / np.maximum(pairs, 1)}


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _count_pairs(
    scores: Array,
    labels: Array,
    cells: Ints,
    groups: Ints,
    number: int,
    users: Ints,
    weights: Weights,
) -> tuple[Floats, Floats, Floats]:
    """Count the pairs of a like and another row, in one pass by ascending score.

    A row of weight 2 is two rows. The sums are integers or halves of them, and so exact below 2**52
    pairs.

    Returns:
        the pairs in which the like has the higher score, with half of the ties; the likes; the
        other rows, [G, W] each
    """
    won, likes, others = (
        np.zeros((number, weights.shape[1])),
        np.zeros((number, weights.shape[1])),
        np.zeros((number, weights.shape[1])),
    )
    start = 0
    while start < len(scores):
        end = start + 1
        while end < len(scores) and scores[end] == scores[start]:
            end += 1
        # Half of each tied row counts before the tied likes, the other half after them.
        for turn in range(3):
            for row in range(start, end):
                if (labels[row] == 1) != (turn == 1):
                    continue
                weight = weights[users[row]]
                for group in groups[cells[row]]:
                    if group < 0:
                        continue
                    below = others[group]
                    if turn == 1:
                        wins, ones = won[group], likes[group]
                        for w in range(len(weight)):
                            wins[w] += weight[w] * below[w]
                            ones[w] += weight[w]
                    else:
                        for w in range(len(weight)):
                            below[w] += 0.5 * weight[w]
        start = end
    return won, likes, others
