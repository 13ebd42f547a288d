"""Draw negatives for data of positives alone: rows of label 0, to tell the positives apart from.

Each positive gets some draws, evenly among the items that existed at its time. A random split
follows no time, so all items with a positive in the training part are there. A draw counts if the
user has had no interaction with the item: so far or, with a random split, in this part and the
parts before. Later interactions do not count. So a positive of tomorrow may be a negative of today,
and the negatives of the training part tell nothing about the test part.

Draws come from a hash of the positive and a counter, not from a generator with a state: with
another day of data split by time, every earlier positive draws the same items. (A cut that moves
can bring two draws of one pair into one part, where the pair counts once.)

Shapes: N positives in the order of time, M movies, K draws.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from recsys.common.arrays import Ints
from recsys.common.pair_hash import hash_pairs, mix, to_fractions
from recsys.data.splitting import Assignment, Pairs
from recsys.storage.schemas import NO_PART

# What one step of a SplitMix64 generator adds to its state.
STEP = np.uint64(0x9E3779B97F4A7C15)


class Negatives(NamedTuple):
    """Drawn items.

    Attributes:
        positive: the row of the positive that each was drawn for, whose user, time and part it has,
            ascending, [K]
        movie: row of the movies table, [K]
    """

    positive: Ints
    movie: Ints


def draw_negatives(
    pairs: Pairs, assignment: Assignment, follows_time: bool, count: int, seed: int
) -> Negatives:
    """Draw up to `count` items for each positive that is in a part.

    A pair of a user and an item is drawn at most once for a part.

    Args:
        follows_time: whether the split does.
    """
    positive = np.repeat(np.flatnonzero(assignment != NO_PART), count)
    users, movies = pairs.keys(f"negatives {seed}")
    keys = hash_pairs(users[pairs.user[positive]], movies[pairs.movie[positive]])
    keys += STEP * (np.arange(len(positive)) % count).astype(np.uint64)
    pool, sizes = find_pool(pairs, assignment, follows_time)
    movie = pool[(to_fractions(mix(keys)) * sizes[positive]).astype(np.intp)]
    clock = pairs.seconds if follows_time else assignment
    earlier = find_interactions(pairs, pairs.user[positive], movie, clock) <= clock[positive]
    drawn = pd.DataFrame(
        {"user": pairs.user[positive], "movie": movie, "part": assignment[positive]}
    )
    kept = ~(earlier | drawn.duplicated().to_numpy())
    return Negatives(positive[kept], movie[kept])


def find_interactions(pairs: Pairs, user: Ints, movie: Ints, clock: Ints) -> Ints:
    """The clock of the interaction of some users with some items; the largest without one, [K]

    Args:
        clock: of each positive, [N]
    """
    items = len(pairs.raw_ids["movies"])
    known, wanted = (
        users.astype(np.int64) * items + movies
        for users, movies in ((pairs.user, pairs.movie), (user, movie))
    )
    order = np.argsort(known)
    row = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[row] == wanted, clock[row], np.iinfo(clock.dtype).max)


def find_pool(pairs: Pairs, assignment: Assignment, follows_time: bool) -> tuple[Ints, Ints]:
    """The items that can be drawn, and how many of them, from the first on, for each positive.

    Returns:
        rows of the movies table, [at most M]; a number for each positive, [N]
    """
    if not follows_time:
        pool = np.unique(pairs.movie[assignment == 0])
        return pool, np.full(len(pairs.movie), len(pool))
    movies, first = np.unique(pairs.movie, return_index=True)
    order = np.argsort(first)
    return movies[order], np.searchsorted(pairs.seconds[first[order]], pairs.seconds, "right")
