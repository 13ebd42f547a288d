"""Compute the features of every rating, write them as columns, and keep what was fitted.

Shapes: N ratings, M movies, G genres.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from recsys.common.arrays import Floats, Mask, Singles
from recsys.common.errors import InputError
from recsys.features.fitted import Fitted
from recsys.features.gaussian_process.folds import Predictions, fit_and_predict
from recsys.features.histories import HISTORIES, History, find_history
from recsys.features.online import GP_TARGETS, standardise
from recsys.features.params import GaussianProcessParams, StatisticsParams
from recsys.features.statistics import (
    DECADES,
    FIRST_YEAR,
    GROUPS,
    Catalogue,
    MovieSums,
    Statistics,
    TrainingMeans,
    sum_movies,
)
from recsys.features.visibility import QUERY, RatingLog, round_for_exact_sums
from recsys.storage import schemas
from recsys.storage.lineage import Lineage, read_lineage, require_same_run
from recsys.storage.parquet import read_parquet, write_parquet
from recsys.storage.parts import PartsWriter
from recsys.storage.registry import STATISTICS, FeatureParams, select_features

logger = logging.getLogger(__name__)


class Settings(NamedTuple):
    """The sections of params.yaml that say how features are computed."""

    features: FeatureParams
    statistics: StatisticsParams
    gaussian_process: GaussianProcessParams


class Computed(NamedTuple):
    """The computed features of all ratings.

    Attributes:
        dense: the standardised columns by name, [N] each
        histories: by name.
        fitted: what the features of any other pair need.
        ratings: the columns of `schemas.FITTED_RATINGS`.
        names: the names of the columns of each group.
    """

    dense: dict[str, Singles]
    histories: dict[str, History]
    fitted: Fitted
    ratings: pa.Table
    names: dict[str, list[str]]


class SplitLog(NamedTuple):
    """The ratings and the drawn negatives in the order of time, and the part of each.

    Attributes:
        log: a drawn negative is a query, which no other row sees.
        row: the key of the rating or of the drawn negative, [N]
        part: the position of the part in `PARTS`, or -1 for none, [N]
        lineage: of the split.
    """

    log: RatingLog
    row: npt.NDArray[np.int64]
    part: npt.NDArray[np.int8]
    lineage: Lineage


def read_log(ratings: Path, parts: Path, implicit: bool) -> SplitLog:
    """Read all ratings and the part of each.

    Args:
        ratings: the folder of `schemas.RATINGS`.
        parts: the folder of the split.
        implicit: whether negatives were drawn.

    Raises:
        InputError: a file is missing or of a different run.
    """
    path = parts / "assignment"
    lineage = read_lineage(path, "split")
    require_same_run(path, lineage, ratings, read_lineage(ratings, "encode"))
    rows, assigned = read_parquet(ratings, schemas.RATINGS), read_parquet(path, schemas.ASSIGNMENT)
    if len(rows) != len(assigned):
        raise InputError(f"{path} is of other ratings than {ratings}; run `dvc repro split`")
    for field, column in zip(schemas.ASSIGNMENT, assigned.columns, strict=True):
        rows = rows.append_column(field, column)
    drawn = 0
    if implicit:
        negatives = read_parquet(parts / "negatives", schemas.NEGATIVES)
        drawn = len(negatives)
        rows = pa.concat_tables([rows, negatives.select(rows.column_names)])
    query = np.arange(len(rows)) >= len(rows) - drawn
    columns = {name: rows[name].to_numpy() for name in rows.column_names}
    order = np.lexsort([columns[key] for key in ("row", "timestamp")])
    columns = {name: values[order] for name, values in columns.items()}
    log = RatingLog(
        user=columns["user"],
        movie=columns["movie"],
        stars=columns["rating"].astype(np.float64),
        label=columns["label"],
        seconds=columns["timestamp"],
        part=np.where(query[order], np.int8(QUERY), columns["part"]),
        past_only=bool(lineage.past_only),
    )
    return SplitLog(log, columns["row"], columns["part"], lineage)


def compute_features(
    log: RatingLog,
    catalogue: Catalogue,
    groups: tuple[str, ...],
    settings: Settings,
    label_threshold: float,
) -> Computed:
    """Compute the features of all ratings.

    Args:
        groups: the names of the groups of columns, in the order of the registry.

    Raises:
        InputError: a group needs times, and there are none.
    """
    check_times(log, groups)
    means = fit_means(log, settings.statistics)
    sums, movie_adjusted, user_adjusted = sum_movies(log, means)
    statistics = Statistics(log, movie_adjusted, sums, catalogue, means)
    cutoff = settings.statistics.cutoff
    dense: dict[str, Singles] = {}
    standardisation: dict[str, tuple[float, float]] = {}
    predictions = predict_ratings(groups, log, catalogue, settings.gaussian_process)
    names: dict[str, list[str]] = {}
    for group in groups:
        if group in GROUPS:
            columns = GROUPS[group](statistics)
        else:
            columns = {
                group: predictions[group].mean,
                f"{group}_deviation": predictions[group].deviation,
            }
        names[group] = list(columns)
        for name, values in columns.items():
            training = values[log.training]
            standardisation[name] = float(training.mean()), float(training.std())
            scaled = standardise(values, standardisation[name], cutoff)
            dense[name] = scaled.astype(np.float32)
    histories = {
        name: find_history(log, label, settings.features.history_length)
        for name, label in HISTORIES.items()
        if name in settings.features.sparse
    }
    fitted = Fitted(
        groups=groups,
        histories=tuple(histories),
        history_length=settings.features.history_length,
        past_only=log.past_only,
        label_threshold=label_threshold,
        cutoff=cutoff,
        standardisation=standardisation,
        end=int(log.seconds[-1]),
        means=means,
        catalogue=catalogue,
        movies=sum_all(log, user_adjusted, len(catalogue.years)),
        processes={group: found.process for group, found in predictions.items()},
    )
    ratings = list_ratings(log, movie_adjusted, user_adjusted)
    return Computed(dense, histories, fitted, ratings, names)


def check_times(log: RatingLog, groups: tuple[str, ...]) -> None:
    """Check that there are times if a group needs them. Raises: InputError."""
    # A Gaussian process needs no times: without them, nothing fades.
    for group in {"recent", "time"}.intersection(groups):
        if log.seconds[0] == log.seconds[-1]:
            raise InputError(
                f"features.dense: {group} needs times, but all ratings have the same time; remove "
                "it, or give the times of the ratings"
            )


def fit_means(log: RatingLog, params: StatisticsParams) -> TrainingMeans:
    """The means of the training part, and the smoothing constants of the params."""
    stars = log.stars[log.training]
    return TrainingMeans(
        average=float(stars.mean()),
        like_rate=float(log.label[log.training].astype(float).mean()),
        spread=float(stars.var()),
        start=int(log.seconds[0]),
        **params.model_dump(exclude={"usual_year", "cutoff"}),
    )


def make_catalogue(movies: pa.Table, params: StatisticsParams) -> Catalogue:
    """The genres and years of the movies table, and of one more movie: an unknown one."""
    genres = [table_of_codes(column) for column in movies.columns if pa.types.is_list(column.type)]
    # Without a list of genres, every movie is of the same one.
    every = np.column_stack(genres) if genres else np.ones((len(movies), 1), bool)
    years = movies["year"].to_pandas().fillna(params.usual_year)
    return Catalogue(
        np.pad(every, ((0, 1), (0, 0))),
        np.append(years, params.usual_year).astype(np.int32),
    )


def table_of_codes(lists: pa.ChunkedArray) -> Mask:
    """Whether the list of each movie has each code, [M, codes]."""
    listed = lists.to_pandas()
    table = np.zeros((len(listed), 1 + max((max(g, default=0) for g in listed), default=0)), bool)
    for movie, codes in enumerate(listed):
        table[movie, codes] = True
    return table


def predict_ratings(
    groups: tuple[str, ...], log: RatingLog, catalogue: Catalogue, params: GaussianProcessParams
) -> dict[str, Predictions]:
    """The predictions of a Gaussian process for each group in `GP_TARGETS`."""
    half_decades = np.clip((catalogue.years - FIRST_YEAR) // 5, 0, 2 * DECADES - 2)
    content = np.column_stack(
        [np.ones(len(half_decades)), catalogue.genres, np.eye(2 * DECADES - 1)[half_decades]]
    )
    targets = {
        group: getattr(log, GP_TARGETS[group]).astype(float)
        for group in groups
        if group in GP_TARGETS
    }
    return fit_and_predict(log, targets, content, params) if targets else {}


def sum_all(log: RatingLog, user_adjusted: Floats, movies: int) -> MovieSums:
    """Sums over all ratings that a query after the end of the log sees, by movie, [M + 1] each."""
    added = MovieSums.of_ratings(log.stars, log.label, user_adjusted)
    weights = (values * log.is_context for values in added)
    return MovieSums(*(np.bincount(log.movie, w, movies).astype(float) for w in weights))


def list_ratings(log: RatingLog, movie_adjusted: Floats, user_adjusted: Floats) -> pa.Table:
    """The ratings that a query sees, with the columns of `schemas.FITTED_RATINGS`."""
    order = log.by_user.order
    rows = order[log.is_context[order]]
    columns = (
        log.user,
        log.movie,
        log.stars,
        log.label,
        log.seconds,
        round_for_exact_sums(movie_adjusted),
        round_for_exact_sums(user_adjusted),
    )
    schema = schemas.FITTED_RATINGS
    return pa.table(
        [pa.array(c[rows], f.type, safe=False) for c, f in zip(columns, schema, strict=True)],
        schema=schema,
    )


def require_ratings_of_both_labels(params: FeatureParams) -> None:
    """Refuse features that have nothing to learn from positives alone. Raises: InputError."""
    processes = {feature.name for feature in STATISTICS} - GROUPS.keys()
    for key, names, useless in (
        ("dense", params.dense, processes),
        ("sparse", params.sparse, {"disliked"}),
    ):
        if found := [name for name in names if name in useless]:
            raise InputError(
                f"features.{key}: {', '.join(found)} needs ratings that are no likes, but the data "
                "has positives alone (drawn negatives are no ratings); remove it"
            )


def warn_about_leaks(past_only: bool, implicit: bool, params: FeatureParams) -> None:
    """Warn if what is visible to a rating of a random split leaks its label in training.

    Args:
        past_only, implicit: of the split and of the data set.
    """
    if past_only:
        return
    computed = [f for f in select_features(params.names, ()) if f.table == "ratings"]
    if computed and implicit:
        logger.warning(
            "features: %s of a random split and drawn negatives: a positive does not see itself, "
            "so counts leak the label of the row. Split by time, or remove them",
            ", ".join(feature.name for feature in computed),
        )
    elif "userid" in params.sparse and any(feature.kind == "dense" for feature in computed):
        logger.warning(
            "features.sparse: userid together with statistics of a random split harms the model: "
            "a user's mean without the row leaks the label of the row. Remove userid, or split by "
            "time"
        )


def write_columns(computed: Computed, split: SplitLog, folder: Path, lineage: Lineage) -> None:
    """Write the features of each part with the part's key, and the logs of the histories.

    Args:
        lineage: of every file.
    """
    columns: dict[str, npt.NDArray[Any]] = dict(computed.dense)
    metadata = lineage.to_metadata()
    for name, history in computed.histories.items():
        entries = pd.DataFrame({"movie": history.movies})
        write_parquet(entries, folder / f"{name}.parquet", schemas.HISTORY_LOG, metadata)
        columns |= history.columns(name)
    schema = schemas.features(computed.names, computed.histories)
    order = np.argsort(split.row)
    frame = pd.DataFrame({"row": split.row[order]})
    frame = frame.assign(**{column: values[order] for column, values in columns.items()})
    writer = PartsWriter(folder, schema, int((split.part == 0).sum()))
    writer.write(0, split.part[order], pa.Table.from_pandas(frame, schema, preserve_index=False))
    writer.finish(metadata)
