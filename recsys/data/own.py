"""Read own data, as params.yaml describes it, into the tables that encode takes."""

import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.data.delimited import TextTable
from recsys.data.params import own_features
from recsys.data.readers import Tables
from recsys.sources.params import OwnParams
from recsys.storage.vocabulary import is_integer

# Seconds since 1970. Earlier and later times are in another unit than the params say.
EARLIEST = int(datetime.datetime(1990, 1, 1, tzinfo=datetime.timezone.utc).timestamp())
SECONDS_PER_DAY = 86_400
# Stars of different values; with more, a scale would be a guess.
MOST_STEPS = 101
LABELS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}
NOW = datetime.datetime.now


def read_own(folder: Path, params: OwnParams) -> Tables:
    """Read the files that the stage fetch copied to `folder`.

    Raises:
        InputError: a file or a value is wrong; names the file, the line and the value.
    """
    tables = {
        name: TextTable(folder / name / Path(path).name, path)
        for name, path in (
            ("interactions", params.interactions),
            ("users", params.users),
            ("items", params.items),
        )
        if path
    }
    interactions = tables["interactions"]
    if interactions.frame.empty:
        raise InputError(f"{params.interactions} has no interactions below its header")
    notes: list[str] = []
    users, user_type = _entities(tables, "users", params.user, "own.user")
    items, item_type = _entities(tables, "items", params.item, "own.item")
    ratings = pd.DataFrame(
        {
            "userid": _convert(_ids(interactions, params.user, "own.user"), user_type),
            "movieid": _convert(_ids(interactions, params.item, "own.item"), item_type),
            "rating": _ratings(interactions, params),
            "timestamp": _times(interactions, params),
        }
    )
    ratings = _without_duplicates(ratings, interactions, params, notes)
    if not params.rating and not params.label:
        ratings = _with_negatives(ratings, items.index.to_numpy(), params, notes)
    return Tables(
        users=_describe(users, tables.get("users"), params, "users", notes),
        movies=_describe(items, tables.get("items"), params, "items", notes),
        ratings=ratings,
        rating_scale=_scale(ratings["rating"], params),
        features=own_features(params),
        id_types={"users": user_type, "movies": item_type},
        # A label of 1 lies above this, a label of 0 does not.
        label_threshold=None if params.rating else 0.5,
        drawn_negatives=not params.rating and not params.label,
        notes=tuple(notes),
    )


def _ids(table: TextTable, name: str, key: str) -> pd.Series:
    ids = table.column(name, key).str.strip()
    if (empty := np.flatnonzero(ids == "")).size:
        raise table.error(int(empty[0]), name, "is empty, but every row needs an id")
    return ids


def _entities(
    tables: dict[str, TextTable], file: str, name: str, key: str
) -> tuple[pd.DataFrame, str]:
    """A frame by id with the row of each user or item in its file (-1 for none), and the id type.

    Ids are integers if all of them are, in both files; else all are texts.
    """
    used = _ids(tables["interactions"], name, key).unique()
    listed = _ids(tables[file], name, key) if file in tables else pd.Series([], dtype=str)
    if (again := np.flatnonzero(listed.duplicated())).size:
        raise tables[file].error(int(again[0]), name, "occurs twice")
    every = pd.unique(np.concatenate([listed.to_numpy(object), used]))
    id_type = "int64" if all(map(is_integer, every)) else "string"
    rows = pd.Series(np.arange(len(listed)), index=listed.to_numpy(object))
    frame = pd.DataFrame({"row": rows.reindex(every, fill_value=-1).to_numpy()}, index=every)
    frame.index = pd.Index(_convert(pd.Series(every), id_type))
    return frame.sort_index(), id_type


def _convert(ids: pd.Series, id_type: str) -> npt.NDArray[np.generic]:
    return ids.astype(np.int64).to_numpy() if id_type == "int64" else ids.to_numpy(object)


def _ratings(table: TextTable, params: OwnParams) -> npt.NDArray[np.float32]:
    if params.rating:
        return _numbers(table, params.rating, "own.rating").astype(np.float32)
    if not params.label:
        return np.ones(len(table.frame), np.float32)
    labels = table.column(params.label, "own.label").str.strip().str.lower().map(LABELS)
    if (wrong := np.flatnonzero(labels.isna())).size:
        raise table.error(int(wrong[0]), params.label, "is neither 0 nor 1")
    return labels.to_numpy(np.float32)


def _numbers(table: TextTable, name: str, key: str) -> npt.NDArray[np.float64]:
    numbers = pd.to_numeric(table.column(name, key).str.strip(), errors="coerce").to_numpy(float)
    if (wrong := np.flatnonzero(~np.isfinite(numbers))).size:
        raise table.error(int(wrong[0]), name, "is not a number")
    return numbers


def _times(table: TextTable, params: OwnParams) -> npt.NDArray[np.int64]:
    """Seconds since 1970; 0 for all if there is no column of times."""
    if not params.time:
        return np.zeros(len(table.frame), np.int64)
    if params.time_format == "iso":
        texts = table.column(params.time, "own.time").str.strip()
        times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
        if (wrong := np.flatnonzero(times.isna())).size:
            raise table.error(int(wrong[0]), params.time, "is not a time like 2026-11-25 16:00:00")
        seconds = times.to_numpy("datetime64[s]").astype(np.int64)
    else:
        unit = 1000 if params.time_format == "milliseconds" else 1
        seconds = np.floor(_numbers(table, params.time, "own.time") / unit).astype(np.int64)
    latest = int(NOW(datetime.timezone.utc).timestamp()) + SECONDS_PER_DAY
    if (wrong := np.flatnonzero((seconds < EARLIEST) | (seconds > latest))).size:
        raise table.error(
            int(wrong[0]),
            params.time,
            f"is a time before 1990 or after tomorrow as {params.time_format}; is own.time_format "
            "right",
        )
    return seconds


def _without_duplicates(
    ratings: pd.DataFrame, table: TextTable, params: OwnParams, notes: list[str]
) -> pd.DataFrame:
    """Refuse several interactions of a user with an item, or keep the last one in time."""
    pair = ["userid", "movieid"]
    if not (again := ratings.duplicated(pair).to_numpy()).any():
        return ratings
    if params.duplicates == "refuse":
        row = int(np.argmax(again))
        user, item = ratings["userid"].iloc[row], ratings["movieid"].iloc[row]
        raise InputError(
            f"{table.shown} {table.place(row)}: {params.user} {user} already has {params.item} "
            f"{item} (and {again.sum() - 1:,} more lines repeat a pair); remove them, or set "
            "own.duplicates to keep_last"
        )
    notes.append(f"{again.sum():,} earlier interactions of a repeated pair are dropped")
    in_time = ratings.sort_values("timestamp", kind="stable")
    return in_time.drop_duplicates(pair, keep="last").sort_index().reset_index(drop=True)


def _with_negatives(
    ratings: pd.DataFrame, items: npt.NDArray[np.generic], params: OwnParams, notes: list[str]
) -> pd.DataFrame:
    """Draw items that a user has no interaction with, as rows of label 0.

    Each row gets `own.negatives` items, drawn evenly, at the row's time. A draw that the user has
    an interaction with, or that was drawn before, is left out.

    Raises:
        InputError: own.negatives is 0.
    """
    if not params.negatives:
        raise InputError(
            "own: without rating and label every row is a 1, and there is nothing to tell apart; "
            "set own.negatives to the number of items to draw as 0 for each row"
        )
    random = np.random.default_rng(params.seed)
    drawn = ratings.loc[ratings.index.repeat(params.negatives)].assign(
        movieid=items[random.integers(0, len(items), len(ratings) * params.negatives)],
        rating=np.float32(0),
    )
    every = pd.concat([ratings, drawn], ignore_index=True)
    every = every.drop_duplicates(["userid", "movieid"], keep="first", ignore_index=True)
    notes.append(f"{len(every) - len(ratings):,} negatives are drawn")
    return every


def _scale(ratings: pd.Series, params: OwnParams) -> RatingScale:
    """The scale in params.yaml, or the one that the ratings show. Raises: InputError."""
    if not params.rating:
        if ratings.nunique() < 2:
            raise InputError(f"{params.interactions}: all labels are {ratings.iloc[0]:g}")
        return RatingScale(0, 1, 1)
    values = np.unique(ratings.to_numpy())
    if params.rating_scale:
        scale = RatingScale(*params.rating_scale)
        steps = (values - scale.lowest) / scale.step
        wrong = values[(values < scale.lowest) | (values > scale.highest) | (steps % 1 != 0)]
        if len(wrong):
            raise InputError(
                f"{params.interactions}: {params.rating} {wrong[0]:g} is not on own.rating_scale, "
                f"{scale}; correct the file or the scale"
            )
        return scale
    if not 1 < len(values) <= MOST_STEPS:
        raise InputError(
            f"{params.interactions}: {params.rating} has {len(values):,} different values; set "
            "own.rating_scale to [lowest, highest, step]"
        )
    return RatingScale(float(values[0]), float(values[-1]), float(np.diff(values).min()))


def _describe(
    entities: pd.DataFrame, table: TextTable | None, params: OwnParams, file: str, notes: list[str]
) -> pd.DataFrame:
    """The users or items by id, with their title and the values of their features."""
    key = "userid" if file == "users" else "movieid"
    described = pd.DataFrame({key: entities.index})
    row = entities["row"].to_numpy()
    if table is not None and (missing := int((row < 0).sum())):
        notes.append(f"{missing:,} {file} of the interactions are not in {table.shown}")
    if file == "users":
        described["bias"] = np.float32(1)
    else:
        described["title"] = [str(identity) for identity in entities.index]
        if table is not None and params.title:
            titles = table.column(params.title, "own.title").to_numpy(object)
            described["title"] = np.where(row >= 0, titles[row], described["title"])
    for name, kind, separator in params.features(file):
        if table is None:
            raise InputError(f"own.{file[:-1]}_features names {name}, but own.{file} names no file")
        described[name] = _feature(table, name, kind, separator, row)
    return described


def _feature(
    table: TextTable, name: str, kind: str, separator: str, row: npt.NDArray[np.intp]
) -> pd.Series:
    """A feature's value for each user or item; one without a row has the value of an empty text."""
    texts = table.column(name, "own.user_features or own.item_features").str.strip()
    if kind == "number":
        filled = texts != ""
        numbers = pd.to_numeric(texts, errors="coerce")
        if (wrong := np.flatnonzero(filled & ~np.isfinite(numbers))).size:
            raise table.error(int(wrong[0]), name, "is not a number")
        # Mean 0 and deviation 1, so that an unknown value is the mean.
        scaled = (numbers - numbers.mean()) / (numbers.std(ddof=0) + 1e-6)
        return pd.Series(np.where(row >= 0, scaled.fillna(0).to_numpy()[row], 0), dtype=np.float32)
    values = pd.Series(np.where(row >= 0, texts.to_numpy(object)[row], ""))
    if kind == "category":
        return values
    lists = values.str.split(separator, regex=False)
    # A value that is listed twice counts once.
    return lists.map(lambda listed: list(dict.fromkeys(v.strip() for v in listed if v.strip())))
