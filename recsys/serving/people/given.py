"""Reads the ratings that somebody gives in a file.

Shapes: R ratings.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from recsys.common.errors import InputError
from recsys.data.files.columns import encode_texts, read_ids, read_numbers, read_times
from recsys.data.files.text_table import TextTable
from recsys.data.schema import Column, File
from recsys.serving.catalogue import find_titles
from recsys.storage.dimensions import Dimensions
from recsys.storage.vocabulary import find_rows, is_integer

Ints = npt.NDArray[np.int64]
MOVIE, TITLE, RATING, TIME = map(Column, ("movieid", "title", "rating", "timestamp"))


class GivenRatings(NamedTuple):
    """Ratings that somebody gives and the data set does not have.

    Attributes:
        movie: rows of the movies table, each once, [R]
        stars: [R]
        seconds: times in seconds since 1970, [R]; None for that of the data set's last rating
    """

    movie: Ints
    stars: npt.NDArray[np.float64]
    seconds: Ints | None = None


def read_given(path: Path, dimensions: Dimensions) -> GivenRatings:
    """Read a table with the columns movieid or title, rating, and perhaps timestamp.

    Args:
        path: text with separators, or Parquet.

    Raises:
        InputError: a column is missing; a movie is unknown, ambiguous or there twice; a rating is
            not on the scale; or a time is none. The message names the line and the value.
    """
    table = TextTable(path.parent, File(Path(path.name), str(path)), [RATING])
    if table.has(MOVIE):
        column, movie = MOVIE, find_movies(table, dimensions)
    elif table.has(TITLE):
        column, movie = TITLE, find_titled(table, dimensions)
    else:
        raise InputError(f"{path} has no column movieid or title; name the movies in one of them")
    _, first = np.unique(movie, return_index=True)
    if len(again := np.setdiff1d(np.arange(len(movie)), first)):
        raise table.error(int(again[0]), column, "is there twice")
    return GivenRatings(
        movie, read_stars(table, dimensions), read_moments(table) if table.has(TIME) else None
    )


def find_movies(table: TextTable, dimensions: Dimensions) -> Ints:
    """The rows of the published ids, [R]."""
    ids, known = read_ids(table, MOVIE), dimensions.raw_ids("movies")
    texts = ids.texts.to_pylist()
    if known.dtype == object:
        rows = find_rows(np.array(texts, object), known)
    else:
        whole = np.array([is_integer(text) for text in texts], bool)
        numbers = np.array([int(t) if is_integer(t) else 0 for t in texts], np.int64)
        rows = np.where(whole, find_rows(numbers, known), -1)
    if (rows < 0).any():
        raise table.error(ids.first_row_where(rows < 0), MOVIE, "is no movie of the data set")
    return rows[ids.codes].astype(np.int64)


def find_titled(table: TextTable, dimensions: Dimensions) -> Ints:
    """The rows of titles, [R]: in any letter case, without the year where that is unique."""
    titles = encode_texts(table.texts(TITLE))
    found = find_titles(titles.texts.to_pylist(), dimensions)
    for place, rows in enumerate(found):
        if len(rows) != 1:
            problem = (
                f"is the title of {len(rows)} movies; add the year, as in Heat (1995)"
                if rows
                else "is no movie of the data set"
            )
            raise table.error(
                titles.first_row_where(np.arange(len(found)) == place), TITLE, problem
            )
    return np.concatenate([np.empty(0, np.int64), *found])[titles.codes].astype(np.int64)


def read_stars(table: TextTable, dimensions: Dimensions) -> npt.NDArray[np.float64]:
    """The ratings, [R]."""
    scale, stars = dimensions.vocabulary.rating_scale, read_numbers(table, RATING)
    if (wrong := ~scale.has(stars)).any():
        raise table.error(int(np.argmax(wrong)), RATING, f"is not on the rating scale, {scale}")
    return stars


def read_moments(table: TextTable) -> Ints:
    """Seconds since 1970, from such numbers or from times like 2026-11-25 16:00:00, [R]."""
    texts = table.texts(TIME)
    is_number = pc.all(pc.match_substring_regex(pc.utf8_trim_whitespace(texts), r"^[0-9.]+$"))
    return read_times(table, TIME, "seconds" if is_number.as_py() else "iso")
