"""Ratings less the means of their movies, and less the means of their users.

Shapes: N rows of a partition, M movies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Floats
from recsys.features.batch.movie_exchange import MovieExchange
from recsys.features.batch.partitions import Partition
from recsys.features.statistics import MovieSums, TrainingMeans, damped_mean
from recsys.features.visibility import RatingLog


class Adjusted(NamedTuple):
    """What the ratings of all partitions say about the rows of one.

    Attributes:
        sums: the sums of `MovieSums` but the last one that are visible to each row, [N] each
        by_movie: the stars less the movie's damped mean, [N], which say more about the user than
            the stars
        by_user: the stars less the overall mean and the user's damped mean of `by_movie`, [N]
    """

    sums: Sequence[Floats]
    by_movie: Floats
    by_user: Floats


@dataclass(frozen=True)
class Adjustment:
    """Adjusts the ratings of any partition.

    Attributes:
        stars: has all partitions' `star_values`.
    """

    means: TrainingMeans
    stars: MovieExchange

    def apply(self, partition: Partition) -> Adjusted:
        log, means = partition.log, self.means
        sums = self.stars.receive(partition, star_values(log))
        by_movie = log.stars - damped_mean(sums[1], sums[0], means.average, means.movie_damping)
        user_residual = damped_mean(
            log.by_user.sum(by_movie),
            log.by_user.sum(np.ones(len(by_movie))),
            0,
            means.user_damping,
        )
        return Adjusted(sums, by_movie, log.stars - means.average - user_residual)


def star_values(log: RatingLog) -> Sequence[Floats]:
    """What each rating adds to the sums of `MovieSums` but the last one, [N] each."""
    return MovieSums.of_ratings(log.stars, log.label, log.stars)[:-1]
