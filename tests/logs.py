"""Small rating logs for tests of the features."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.features.batch.adjusted import Adjusted, Adjustment, star_values
from recsys.features.batch.build import Settings, build_features
from recsys.features.batch.movie_exchange import MovieExchange
from recsys.features.batch.partitions import Partition
from recsys.features.batch.summary import Summary
from recsys.features.fitted import Fitted
from recsys.features.histories import History
from recsys.features.online import GP_TARGETS
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.statistics import GROUPS, Catalogue, MovieSums, TrainingMeans
from recsys.features.visibility import QUERY, RatingLog
from recsys.pipeline.params import load_params
from recsys.storage.lineage import Lineage
from recsys.storage.registry import FeatureParams
from recsys.storage.schemas import PARTS
from tests.conftest import PARAMS

USERS, MOVIES, RATINGS = 12, 30, 240
STATISTICS = load_params(PARAMS)[StatisticsParams]
GAUSSIAN_PROCESS = load_params(PARAMS)[GaussianProcessParams]
SETTINGS = Settings(
    load_params(PARAMS)[FeatureParams].model_copy(
        update={"sparse": ("movieid", "liked", "disliked"), "history_length": 5}
    ),
    STATISTICS,
    GAUSSIAN_PROCESS,
)
LIKE_ABOVE = 3
ALL_GROUPS = (*GROUPS, *GP_TARGETS)


def make_log(past_only: bool, seed: int = 0) -> RatingLog:
    """Random ratings in the order of time, several in the same second, no pair twice."""
    random = np.random.default_rng(seed)
    user, movie = np.divmod(random.choice(USERS * MOVIES, RATINGS, replace=False), MOVIES)
    stars = random.integers(1, 6, RATINGS).astype(float)
    seconds = np.sort(random.integers(10**9, 10**9 + 100, RATINGS))
    order = np.lexsort([movie, user, seconds])
    part = np.arange(RATINGS) // (RATINGS // 10) - 7
    part = np.maximum(part if past_only else random.permutation(part), 0)
    label = (stars > LIKE_ABOVE).astype(np.int8)
    columns = (values[order] for values in (user, movie, stars, label, seconds))
    return RatingLog(*columns, part, past_only)


def with_stars(log: RatingLog, rows: np.ndarray, stars: np.ndarray) -> RatingLog:
    """The same ratings with different stars in some rows."""
    changed = log.stars.copy()
    changed[rows] = stars
    return replace(log, stars=changed, label=(changed > LIKE_ABOVE).astype(np.int8))


def visible_rows(log: RatingLog, groups: np.ndarray, row: int) -> np.ndarray:
    """The rows of its group that are visible to a row, as the docstring of `visibility` says."""
    same = groups == groups[row]
    if log.past_only:
        return np.flatnonzero(same & (log.seconds < log.seconds[row]))
    others = np.arange(len(groups)) != row
    return np.flatnonzero(same & others & log.training)


def some_rows(log: RatingLog, rows: np.ndarray) -> RatingLog:
    """Some ratings of a log."""
    columns = ("user", "movie", "stars", "label", "seconds", "part")
    return replace(log, **{name: getattr(log, name)[rows] for name in columns})


def make_catalogue(seed: int = 0) -> Catalogue:
    """Random genres and years of the movies, and of an unknown movie."""
    random = np.random.default_rng(seed)
    genres = random.random((MOVIES, 4)) < 0.4
    years = np.random.default_rng(seed).integers(1930, 2000, MOVIES)
    return Catalogue(np.pad(genres, ((0, 1), (0, 0))), np.append(years, 1990))


class Computed(NamedTuple):
    """The features of all rows of a log, in its order, and what was fitted.

    Attributes:
        dense: the standardised columns by name, [N] each
        histories: by name.
        ratings: the columns of `schemas.FITTED_RATINGS`.
    """

    dense: dict[str, np.ndarray]
    histories: dict[str, History]
    fitted: Fitted
    ratings: pa.Table


class LogPartitions(NamedTuple):
    """A log in partitions of its users. Its rows must be sorted by user, then time.

    Attributes:
        part: of each row; for a query, that of the drawn negative.
        ends: the first row of each partition, and the number of rows.
    """

    log: RatingLog
    part: np.ndarray
    ends: np.ndarray

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(np.flatnonzero(np.diff(self.ends)).tolist())

    @property
    def past_only(self) -> bool:
        return self.log.past_only

    @property
    def lineage(self) -> Lineage:
        return Lineage("ids", "split", self.past_only)

    def check(self, digest: np.ndarray) -> None:
        pass

    def read(self, number: int) -> Partition:
        rows = np.arange(self.ends[number], self.ends[number + 1])
        return Partition(number, some_rows(self.log, rows), rows, self.part[rows])


class OneProcess:
    """An engine that runs everything here."""

    def map(self, function: Callable[[int], object], items: Iterable[int]) -> list[object]:
        return list(map(function, items))


def fit_means(log: RatingLog) -> TrainingMeans:
    """The means of the training part of a log."""
    return Summary.of(whole(log)).fit_means(STATISTICS)


def whole(log: RatingLog) -> Partition:
    """A log as one partition."""
    return Partition(0, log, np.arange(len(log.user)), log.part)


def adjust(log: RatingLog, means: TrainingMeans | None = None) -> tuple[MovieSums, Adjusted]:
    """The sums that are visible of each row's movie, and the adjusted stars.

    Args:
        means: those of the log, if they are not given.
    """
    partition, engine, means = whole(log), OneProcess(), means or fit_means(log)
    with TemporaryDirectory() as name:
        stars, by_user = (
            MovieExchange(Path(name) / each, (0,), MOVIES + 1, log.past_only) for each in "ab"
        )
        stars = stars.finish(engine, [stars.send(partition, star_values(log))])
        adjusted = Adjustment(means, stars).apply(partition)
        by_user = by_user.finish(engine, [by_user.send(partition, [adjusted.by_user])])
        (last,) = by_user.receive(partition, [adjusted.by_user])
    return MovieSums(*adjusted.sums, last), adjusted


def write_features(
    log: RatingLog,
    folder: Path,
    count: int = 1,
    groups: tuple[str, ...] = ALL_GROUPS,
    settings: Settings = SETTINGS,
    catalogue: Catalogue | None = None,
    like_cut: float = LIKE_ABOVE,
    negatives_part: int = 0,
) -> tuple[Fitted, np.ndarray]:
    """Write the files of the stage features; each row is in a part.

    Args:
        count: the number of partitions.
        negatives_part: the part of the queries.

    Returns:
        what was fitted, and the row of the log of each key
    """
    order = np.lexsort([log.movie, log.seconds, log.user])
    log = some_rows(log, order)
    users = np.arange(count + 1) * (int(log.user[-1]) + 1) // count
    part = np.where(log.part == QUERY, negatives_part, log.part)
    partitions = LogPartitions(log, part, np.searchsorted(log.user, users))
    catalogue = catalogue or make_catalogue()
    fitted = build_features(partitions, catalogue, groups, settings, like_cut, folder, OneProcess())
    return fitted, order


def compute(
    log: RatingLog,
    groups: tuple[str, ...] = ALL_GROUPS,
    catalogue: Catalogue | None = None,
    settings: Settings = SETTINGS,
) -> Computed:
    """The features of all rows, with histories of at most five movies."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        fitted, order = write_features(
            log, folder, groups=groups, settings=settings, catalogue=catalogue
        )
        files = [folder / "train/00000.parquet", *(folder / f"{p}.parquet" for p in PARTS[1:])]
        rows = pa.concat_tables(map(pq.read_table, files))
        ratings = pq.read_table(folder / "ratings.parquet")
        logs = {name: pq.read_table(folder / f"{name}.parquet") for name in fitted.histories}
    places = np.empty(len(rows), int)
    places[order[rows["row"].to_numpy()]] = np.arange(len(rows))
    columns = {name: rows[name].to_numpy()[places] for name in rows.column_names}
    histories = {
        name: History(
            entries["movie"].to_numpy(),
            *(columns[f"{name}_{end}"] for end in ("start", "length", "skip")),
        )
        for name, entries in logs.items()
    }
    dense = {name: columns[name] for name in fitted.standardisation}
    return Computed(dense, histories, fitted, ratings)
