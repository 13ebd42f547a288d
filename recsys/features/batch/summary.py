"""What the computation of features needs to know of all partitions before it reads them again."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.features.batch.moments import Moments
from recsys.features.batch.partitions import Partition
from recsys.features.histories import HISTORIES
from recsys.features.params import StatisticsParams
from recsys.features.statistics import TrainingMeans
from recsys.storage.lineage import digest_rows


class Summary(NamedTuple):
    """Numbers of one partition, or of all.

    Attributes:
        stars, likes: moments of the stars and the labels of the visible training ratings.
        first, last: the times of the first and the last rating, in seconds since 1970.
        users: the largest row of a user, plus 1.
        training_rows: the number of rows of the training part, drawn negatives among them.
        entries: the number of entries of each log in `HISTORIES`.
        digest: of the rows and their parts; see `digest_rows`.
    """

    stars: Moments
    likes: Moments
    first: int
    last: int
    users: int
    training_rows: int
    entries: tuple[int, ...]
    digest: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, partition: Partition) -> "Summary":
        log = partition.log
        context = log.label[log.is_context]
        stars, likes = (
            Moments.of(values[log.training].astype(np.float32)) for values in (log.stars, log.label)
        )
        return cls(
            stars,
            likes,
            int(log.seconds.min()),
            int(log.seconds.max()),
            int(log.user.max()) + 1,
            int((partition.part == 0).sum()),
            tuple(int((context == label).sum()) for label in HISTORIES.values()),
            digest_rows(partition.part, partition.row, log.user, log.movie, log.seconds),
        )

    @classmethod
    def join(cls, parts: Iterable["Summary"]) -> "Summary":
        """The numbers of all partitions."""
        stars, likes, first, last, users, training_rows, entries, digests = zip(*parts, strict=True)
        return cls(
            Moments.join(stars),
            Moments.join(likes),
            min(first),
            max(last),
            max(users),
            sum(training_rows),
            tuple(map(sum, zip(*entries, strict=True))),
            np.sum(digests, axis=0),
        )

    def fit_means(self, params: StatisticsParams) -> TrainingMeans:
        """The means of the training part, and the smoothing constants of the params."""
        return TrainingMeans(
            average=self.stars.mean,
            like_rate=self.likes.mean,
            spread=self.stars.variance,
            start=self.first,
            **params.model_dump(exclude={"usual_year", "cutoff"}),
        )


def entries_before(summaries: Sequence[Summary]) -> list[dict[str, int]]:
    """The number of entries of each log in `HISTORIES` before those of each partition."""
    counts = np.array([summary.entries for summary in summaries], np.int64)
    before = np.cumsum(counts, axis=0) - counts
    return [dict(zip(HISTORIES, row, strict=True)) for row in before.tolist()]
