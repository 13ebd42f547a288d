"""The columns of the features of a partition, before they are standardised.

Shapes: N rows of a partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.common.arrays import Floats, Singles
from recsys.features.batch.adjusted import Adjustment
from recsys.features.batch.movie_exchange import MovieExchange
from recsys.features.batch.partitions import Partition
from recsys.features.gaussian_process.folds import predict
from recsys.features.gaussian_process.process_files import ProcessFiles
from recsys.features.online import GP_TARGETS
from recsys.features.params import GaussianProcessParams
from recsys.features.statistics import GROUPS, Catalogue, Columns, MovieSums, Statistics
from recsys.features.visibility import RatingLog


@dataclass(frozen=True)
class ColumnComputer:
    """Computes columns of any partition, from its rows and what all partitions have in common.

    Attributes:
        groups: the names of the groups of columns, in the order of the registry.
        adjusted: has the stars less the users' means of all partitions.
        processes: of each group in `GP_TARGETS`.
    """

    groups: Sequence[str]
    catalogue: Catalogue
    adjustment: Adjustment
    adjusted: MovieExchange
    processes: ProcessFiles
    params: GaussianProcessParams

    def compute(self, partition: Partition) -> dict[str, dict[str, Singles]]:
        """The columns of each group, [N] each."""
        found = self._predict(partition)
        if counted := [group for group in self.groups if group in GROUPS]:
            statistics = self._make_statistics(partition)
            found |= {group: round_columns(GROUPS[group](statistics)) for group in counted}
        return {group: found[group] for group in self.groups}

    def _predict(self, partition: Partition) -> dict[str, dict[str, Singles]]:
        log, files = partition.log, self.processes
        targets = gp_targets(log, self.groups)
        if not targets:
            return {}
        found = predict(log, partition.row, targets, files.load, files.only_fold, self.params)
        return {
            group: round_columns({group: each.mean, f"{group}_deviation": each.deviation})
            for group, each in found.items()
        }

    def _make_statistics(self, partition: Partition) -> Statistics:
        adjusted = self.adjustment.apply(partition)
        (by_user,) = self.adjusted.receive(partition, [adjusted.by_user])
        sums = MovieSums._make([*adjusted.sums, by_user])
        log, means = partition.log, self.adjustment.means
        return Statistics(log, adjusted.by_movie, sums, self.catalogue, means)


def gp_groups(groups: Sequence[str]) -> list[str]:
    """The groups of columns that a Gaussian process predicts."""
    return [group for group in groups if group in GP_TARGETS]


def gp_targets(log: RatingLog, groups: Sequence[str]) -> dict[str, Floats]:
    """What the Gaussian process of each such group predicts, [N]."""
    return {group: getattr(log, GP_TARGETS[group]).astype(float) for group in gp_groups(groups)}


def round_columns(columns: Columns) -> dict[str, Singles]:
    return {name: values.astype(np.float32) for name, values in columns.items()}
