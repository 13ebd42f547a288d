"""Reads the ratings that somebody gives in a file.

Shapes: R ratings.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.common.errors import InputError
from recsys.data.delimited import TextTable, normalise
from recsys.storage.dimensions import Dimensions
from recsys.storage.vocabulary import find_rows, is_integer


class GivenRatings(NamedTuple):
    """Ratings that somebody gives and the data set does not have.

    Attributes:
        movie: rows of the movies table, each once, [R]
        stars: [R]
        seconds: times in seconds since 1970, [R]; None for that of the data set's last rating
    """

    movie: npt.NDArray[np.int64]
    stars: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.int64] | None = None


def read_given(path: Path, dimensions: Dimensions) -> GivenRatings:
    """Read a table with the columns movieid or title, rating, and perhaps timestamp.

    Args:
        path: CSV, TSV or Parquet.

    Raises:
        InputError: a column is missing; a movie is unknown, ambiguous or there twice; a rating is
            not on the scale; or a time is none. The message names the line and the value.
    """
    table = TextTable(path, str(path))
    names = {normalise(name) for name in table.frame.columns}
    if "movieid" in names:
        movie = find_by_id(table, dimensions)
    elif "title" in names:
        movie = find_by_title(table, dimensions)
    else:
        raise InputError(f"{path} has no column movieid or title; name the movies in one of them")
    if (again := np.flatnonzero(pd.Series(movie).duplicated())).size:
        name = "movieid" if "movieid" in names else "title"
        raise table.error(int(again[0]), name, "is there twice")
    seconds = read_times(table) if "timestamp" in names else None
    return GivenRatings(movie, read_stars(table, dimensions), seconds)


def find_by_id(table: TextTable, dimensions: Dimensions) -> npt.NDArray[np.int64]:
    """The rows of the published ids, [R]."""
    texts, known = table.column("movieid", "movieid").str.strip(), dimensions.raw_ids("movies")
    if known.dtype != object:
        numbers = [int(text) if is_integer(text) else None for text in texts]
        if None in numbers:
            raise table.error(numbers.index(None), "movieid", "is no whole number")
        wanted = np.array(numbers, np.int64)
    else:
        wanted = texts.to_numpy(object)
    rows = find_rows(wanted, known).astype(np.int64)
    if (missing := np.flatnonzero(rows < 0)).size:
        raise table.error(int(missing[0]), "movieid", "is no movie of the data set")
    return rows


def find_by_title(table: TextTable, dimensions: Dimensions) -> npt.NDArray[np.int64]:
    """The rows of titles, [R]: in any letter case, with the year or, if it is unique, without."""
    titles = dimensions.tables["movies"]["title"].to_pandas().str.casefold().str.strip()
    short = titles.str.replace(r"\s*\(\d{4}\)$", "", regex=True)
    rows = []
    for place, text in enumerate(table.column("title", "title")):
        wanted = text.casefold().strip()
        found = np.flatnonzero((titles == wanted) if (titles == wanted).any() else (short == wanted))
        if len(found) != 1:
            problem = "is no movie of the data set" if not len(found) else (
                f"is the title of {len(found)} movies; add the year, as in Heat (1995)"
            )
            raise table.error(place, "title", problem)
        rows.append(found[0])
    return np.array(rows, np.int64)


def read_stars(table: TextTable, dimensions: Dimensions) -> npt.NDArray[np.float64]:
    scale = dimensions.vocabulary.rating_scale
    stars = pd.to_numeric(table.column("rating", "rating"), errors="coerce").to_numpy(float)
    if (wrong := np.flatnonzero(~((stars >= scale.lowest) & (stars <= scale.highest)))).size:
        raise table.error(int(wrong[0]), "rating", f"is not on the scale, {scale}")
    return stars


def read_times(table: TextTable) -> npt.NDArray[np.int64]:
    """Seconds since 1970, from whole numbers or from times like 2026-11-25 16:00:00, [R]."""
    texts = table.column("timestamp", "timestamp").str.strip()
    if texts.map(is_integer).all():
        return texts.astype(np.int64).to_numpy()
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    if (wrong := np.flatnonzero(times.isna())).size:
        raise table.error(
            int(wrong[0]), "timestamp", "is no time like 2026-11-25 16:00:00 or in seconds since 1970"
        )
    return times.to_numpy("datetime64[s]").astype(np.int64)
