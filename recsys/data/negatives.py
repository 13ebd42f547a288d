"""Draw negatives for data of positives alone: rows of label 0, to tell the positives apart from.

Each positive gets some draws, evenly among the items that existed at its time. A random split
follows no time, so all items with a positive in the training part are there. A draw counts if the
user has had no interaction with the item: so far or, with a random split, in this part and the
parts before. Later interactions do not count. So a positive of tomorrow may be a negative of today,
and the negatives of the training part tell nothing about the test part.

Draws come from a hash of the positive and a counter, not from a generator with a state: with
another day of data split by time, every earlier positive draws the same items. (A cut that moves
can bring two draws of one pair into one part, where the pair counts once.)

Shapes: N positives of a partition of users, each user's in the order of time, M movies, K draws.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from recsys.common.arrays import Ints
from recsys.common.pair_hash import INCREMENT, hash_pairs, mix, to_fractions
from recsys.data.splitting import Assignment, Pairs
from recsys.storage.schemas import NO_PART

# The first second of an item without a positive.
NEVER = np.iinfo(np.int64).max


class Negatives(NamedTuple):
    """Drawn items.

    Attributes:
        positive: the row of the positive that each was drawn for, whose user, time and part it has,
            ascending, [K]
        movie: row of the movies table, [K]
        number: of the draw for its positive, from 0, [K]
    """

    positive: Ints
    movie: Ints
    number: Ints


class Pool(NamedTuple):
    """The items that can be drawn.

    Attributes:
        movie: rows of the movies table, in the order in which they came, [at most M]
        first: the second of the first positive of each, ascending; empty if the split follows no
            time, and all items are there from the start
    """

    movie: Ints
    first: Ints

    def sizes(self, seconds: Ints) -> Ints:
        """How many items there are at each time."""
        if not len(self.first):
            return np.full(len(seconds), len(self.movie))
        return np.searchsorted(self.first, seconds, "right")


def make_pool(training: Ints, first: Ints, follows_time: bool) -> Pool:
    """The pool of a data set.

    Args:
        training: the number of training positives of each item, [M]
        first: the second of its first positive; the largest number without one, [M]
    """
    if not follows_time:
        return Pool(np.flatnonzero(training), first[:0])
    order = np.argsort(first, kind="stable")
    order = order[first[order] < NEVER]
    return Pool(order, first[order])


def draw_negatives(
    pairs: Pairs, assignment: Assignment, pool: Pool, count: int, seed: int
) -> Negatives:
    """Draw up to `count` items for each positive that is in a part.

    A pair of a user and an item is drawn at most once for a part.
    """
    users, movies = pairs.keys(f"negatives {seed}")
    rows = np.flatnonzero(assignment != NO_PART)
    positive = np.repeat(rows, count)
    number = np.tile(np.arange(count), len(rows))
    keys = hash_pairs(users[positive], movies[positive]) + INCREMENT * number.astype(np.uint64)
    sizes = pool.sizes(pairs.seconds)
    movie = pool.movie[(to_fractions(mix(keys)) * sizes[positive]).astype(np.intp)]
    clock = pairs.seconds if len(pool.first) else assignment
    earlier = find_interactions(pairs, pairs.user[positive], movie, clock) <= clock[positive]
    drawn = pd.DataFrame(
        {"user": pairs.user[positive], "movie": movie, "part": assignment[positive]}
    )
    kept = ~(earlier | drawn.duplicated().to_numpy())
    return Negatives(positive[kept], movie[kept], number[kept])


def find_interactions(pairs: Pairs, user: Ints, movie: Ints, clock: Ints) -> Ints:
    """The clock of the interaction of some users with some items; the largest without one, [K]

    Args:
        clock: of each positive, [N]
    """
    if not len(pairs.user):
        return np.zeros(0, clock.dtype)
    items = len(pairs.raw_ids["movies"])
    known, wanted = (
        users.astype(np.int64) * items + movies
        for users, movies in ((pairs.user, pairs.movie), (user, movie))
    )
    order = np.argsort(known)
    row = order[np.searchsorted(known, wanted, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[row] == wanted, clock[row], np.iinfo(clock.dtype).max)
