"""Compute the features of every rating, write them as columns, and keep what was fitted.

Each pass reads the partitions one by one, and several processes may do so. What a pass finds out
about all partitions goes into the next: the means, sums by movie, Gaussian processes, and the mean
and deviation of each column. All sums are exact, so no number of partitions changes a digit.

Shapes: M movies and one unknown movie, U users.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from recsys.common.arrays import Mask
from recsys.engine.engine import Engine
from recsys.features.batch.adjusted import Adjustment, star_values
from recsys.features.batch.catalogue import describe_content
from recsys.features.batch.checks import check_times
from recsys.features.batch.columns import ColumnComputer, gp_groups, gp_targets
from recsys.features.batch.moments import Moments
from recsys.features.batch.movie_exchange import MovieExchange, Totals
from recsys.features.batch.output import Output, Written
from recsys.features.batch.partitions import Partitions
from recsys.features.batch.summary import Summary, entries_before
from recsys.features.files import write_fitted
from recsys.features.fitted import Fitted
from recsys.features.gaussian_process.folds import (
    Sample,
    draw_people,
    learn_processes,
    take_sample,
)
from recsys.features.gaussian_process.process_files import ProcessFiles
from recsys.features.histories import HISTORIES
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.statistics import Catalogue, MovieSums
from recsys.storage.registry import FeatureParams

Result = TypeVar("Result")


class Settings(NamedTuple):
    """The sections of params.yaml that say how features are computed."""

    features: FeatureParams
    statistics: StatisticsParams
    gaussian_process: GaussianProcessParams


class Survey(NamedTuple):
    """What the first pass finds out.

    Attributes:
        summary: of all partitions.
        before: the number of entries of each log of the histories before those of each partition.
        stars: the sums of each row's movie.
    """

    summary: Summary
    before: Mapping[int, Mapping[str, int]]
    stars: MovieExchange


class Job(NamedTuple):
    """What all passes share.

    Attributes:
        groups: the names of the groups of columns, in the order of the registry.
        temporary: a folder for files between two passes; all processes must see it.
    """

    partitions: Partitions
    catalogue: Catalogue
    groups: tuple[str, ...]
    settings: Settings
    temporary: Path
    engine: Engine

    def exchange(self, name: str) -> MovieExchange:
        numbers, past_only = self.partitions.numbers, self.partitions.past_only
        return MovieExchange(self.temporary / name, numbers, len(self.catalogue.years), past_only)

    def run(self, function: Callable[[int], Result]) -> list[Result]:
        """The result of a function for the number of each partition."""
        return self.engine.map(function, self.partitions.numbers)


def build_features(
    partitions: Partitions,
    catalogue: Catalogue,
    groups: tuple[str, ...],
    settings: Settings,
    label_threshold: float,
    folder: Path,
    engine: Engine,
) -> Fitted:
    """Compute the features of all ratings, and write the files of the stage features.

    Args:
        groups: the names of the groups of columns, in the order of the registry.
        label_threshold: a rating of more stars than this is a like.
        folder: gets the files; it must exist.

    Raises:
        InputError: a group needs times, and there are none; or the parts are of other ratings.
    """
    job = Job(partitions, catalogue, groups, settings, folder / "temporary", engine)
    summary, before, stars = survey(job)
    partitions.check(summary.digest)
    check_times(summary.first, summary.last, groups)
    histories = tuple(name for name in HISTORIES if name in settings.features.sparse)
    length = settings.features.history_length
    output = Output(folder, job.temporary, summary.training_rows, histories, length)
    adjustment = Adjustment(summary.fit_means(settings.statistics), stars)
    adjusted = adjust(job, adjustment, output)
    processes = learn(job, summary.users)
    computer = ColumnComputer(
        groups, catalogue, adjustment, adjusted, processes, settings.gaussian_process
    )
    written = job.run(partial(write_partition, partitions, computer, output, before))
    fitted = Fitted(
        groups=groups,
        histories=histories,
        history_length=length,
        past_only=partitions.past_only,
        label_threshold=label_threshold,
        cutoff=settings.statistics.cutoff,
        standardisation=join_moments([each.moments for each in written]),
        end=summary.last,
        means=adjustment.means,
        catalogue=catalogue,
        movies=MovieSums(*stars.totals, *adjusted.totals),
        processes={
            group: processes.load(group, settings.gaussian_process.folds)
            for group in gp_groups(groups)
        },
    )
    output.join_ratings()
    metadata = replace(partitions.lineage, fitted=write_fitted(fitted, folder)).to_metadata()
    output.join_columns(written[0].names, fitted.standardisation, fitted.cutoff, metadata)
    shutil.rmtree(job.temporary)
    return fitted


def survey(job: Job) -> Survey:
    """The first pass: counts, means and sums by movie."""
    stars = job.exchange("stars")
    summaries, totals = zip(*job.run(partial(survey_partition, job.partitions, stars)), strict=True)
    before = dict(zip(job.partitions.numbers, entries_before(summaries), strict=True))
    return Survey(Summary.join(summaries), before, stars.finish(job.engine, totals))


def survey_partition(
    partitions: Partitions, stars: MovieExchange, number: int
) -> tuple[Summary, Totals]:
    partition = partitions.read(number)
    return Summary.of(partition), stars.send(partition, star_values(partition.log))


def adjust(job: Job, adjustment: Adjustment, output: Output) -> MovieExchange:
    """The second pass: sums by movie of the ratings less the users' means."""
    adjusted = job.exchange("adjusted")
    totals = job.run(partial(adjust_partition, job.partitions, adjustment, adjusted, output))
    return adjusted.finish(job.engine, totals)


def adjust_partition(
    partitions: Partitions,
    adjustment: Adjustment,
    adjusted: MovieExchange,
    output: Output,
    number: int,
) -> Totals:
    partition = partitions.read(number)
    found = adjustment.apply(partition)
    output.write_ratings(partition, found)
    return adjusted.send(partition, [found.by_user])


def learn(job: Job, users: int) -> ProcessFiles:
    """The third pass: Gaussian processes, learnt from a sample of the users."""
    files, params = ProcessFiles(job.temporary / "processes"), job.settings.gaussian_process
    if gp_groups(job.groups):
        is_drawn = draw_people(users, params)
        take = partial(take_partition, job.partitions, job.groups, is_drawn, params)
        sample = Sample.join(job.run(take))
        content = describe_content(job.catalogue)
        files = replace(files, only_fold=sample.only_fold)
        files.save(learn_processes(sample, int(is_drawn.sum()), content, params))
    return files


def take_partition(
    partitions: Partitions,
    groups: tuple[str, ...],
    is_drawn: Mask,
    params: GaussianProcessParams,
    number: int,
) -> Sample:
    partition = partitions.read(number)
    targets = gp_targets(partition.log, groups)
    return take_sample(partition.log, partition.row, targets, is_drawn, params)


def write_partition(
    partitions: Partitions,
    computer: ColumnComputer,
    output: Output,
    before: Mapping[int, Mapping[str, int]],
    number: int,
) -> Written:
    """The last pass: the columns, which are standardised when the partitions are joined."""
    partition = partitions.read(number)
    return output.write_columns(partition, computer.compute(partition), before[number])


def join_moments(parts: Sequence[Mapping[str, Moments]]) -> dict[str, tuple[float, float]]:
    """The mean and the standard deviation of each column."""
    joined = {name: Moments.join(part[name] for part in parts) for name in parts[0]}
    return {name: (each.mean, each.variance**0.5) for name, each in joined.items()}
