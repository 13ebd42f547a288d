"""Reads a file with ratings that the data set does not have.

Shapes: R ratings.
"""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from recsys.common.arrays import Floats, Ints
from recsys.common.errors import InputError
from recsys.data.files.columns import encode_texts, read_ids, read_numbers, read_times
from recsys.data.files.text_table import TextFile, TextTable
from recsys.data.schema import Column, File
from recsys.serving.people.history import UserHistory, find_repeated
from recsys.serving.titles import find_titles
from recsys.storage.dimensions import Dimensions

MOVIE, TITLE, RATING, TIME = map(Column, ("movieid", "title", "rating", "timestamp"))


def read_given(path: Path, dimensions: Dimensions, end: int) -> UserHistory:
    """Read a table with the columns movieid or title, rating, and perhaps timestamp.

    Args:
        path: text with separators, or Parquet.
        end: the time of ratings without a timestamp, in seconds since 1970.

    Raises:
        InputError: a column is missing; a movie is unknown, ambiguous or there twice; a rating is
            not on the scale; or a time is none. The message names the line and the value.
    """
    file = TextFile(path.parent, File(Path(path.name), str(path)))
    column = MOVIE if file.has(MOVIE) else TITLE
    if not file.has(column):
        raise InputError(f"{path} has no column movieid or title; name the movies in one of them")
    with_times = file.has(TIME)
    table = file.read([RATING, column, TIME] if with_times else [RATING, column])
    movie = (find_movies if column == MOVIE else find_titled)(table, dimensions)
    if (again := find_repeated(movie)) is not None:
        raise table.error(again, column, "is there twice")
    stars = read_stars(table, dimensions)
    seconds = read_seconds(table) if with_times else np.full(len(movie), end)
    return UserHistory.from_stars(movie, stars, seconds, dimensions)


def find_movies(table: TextTable, dimensions: Dimensions) -> Ints:
    """The rows of the published ids, [R]."""
    listed, ids = read_ids(table, MOVIE), dimensions.ids["movies"]
    texts = listed.texts.to_pylist()
    rows = ids.find(np.array(texts, object))
    if (unknown := rows == len(ids)).any():
        row = int(np.argmax(unknown[listed.codes]))
        problem = ids.refusal(texts[listed.codes[row]])
        file = table.file
        raise InputError(f"{file.shown} {file.place(row)}: {problem}; {file.file.remedy}")
    return rows[listed.codes]


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
            table.refuse_where(titles.codes == place, TITLE, problem)
    return np.concatenate([np.empty(0, np.int64), *found])[titles.codes].astype(np.int64)


def read_stars(table: TextTable, dimensions: Dimensions) -> Floats:
    """The ratings, [R]."""
    scale, stars = dimensions.vocabulary.rating_scale, read_numbers(table, RATING)
    table.refuse_where(~scale.has(stars), RATING, f"is not on the rating scale, {scale}")
    return stars


def read_seconds(table: TextTable) -> Ints:
    """Seconds since 1970, from such numbers or from times like 2026-11-25 16:00:00, [R]."""
    texts = table.texts(TIME)
    is_number = pc.all(pc.match_substring_regex(pc.utf8_trim_whitespace(texts), r"^[0-9.]+$"))
    return read_times(table, TIME, "seconds" if is_number.as_py() else "iso")
