"""The movies as people know them: ids, titles and genres.

Shapes: M movies.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.storage.dimensions import Dimensions
from recsys.storage.vocabulary import is_integer

Record = dict[str, object]
YEAR = re.compile(r"\s*\(\d{4}\)$")


def list_movies(dimensions: Dimensions) -> pd.DataFrame:
    """The movies in the order of their rows: movie (its published id), title and genres (names)."""
    table = dimensions.tables["movies"].to_pandas()
    genres: list[list[str]] = [[] for _ in range(len(table))]
    for feature in dimensions.vocabulary.features:
        if feature.table == "movies" and feature.kind == "list":
            names = np.array(dimensions.vocabulary.names[feature.name], object)
            for listed, codes in zip(genres, table[feature.column], strict=True):
                listed += names[codes].tolist()
    return pd.DataFrame({"movie": table["raw_movieid"], "title": table["title"], "genres": genres})


def find_titles(wanted: Sequence[str], dimensions: Dimensions) -> list[list[int]]:
    """The rows of the movies that have each title, in any letter case.

    A title without its year is enough. Where movies have exactly the title, others are left out.
    """
    exact: dict[str, list[int]] = {}
    short: dict[str, list[int]] = {}
    for row, title in enumerate(dimensions.tables["movies"]["title"].to_pylist()):
        name = title.casefold().strip()
        exact.setdefault(name, []).append(row)
        short.setdefault(YEAR.sub("", name), []).append(row)
    names = (text.casefold().strip() for text in wanted)
    return [exact.get(name) or short.get(name) or [] for name in names]


def search_row(known: npt.NDArray[Any], wanted: str | int) -> int | None:
    """The row of an id, as for `find_row`; None if there is no such id."""
    is_text = known.dtype == object
    if not is_text and not is_integer(str(wanted)):
        return None
    wanted = str(wanted) if is_text else int(wanted)
    row = int(np.searchsorted(known, wanted))
    return row if row < len(known) and known[row] == wanted else None


def find_row(known: npt.NDArray[Any], wanted: str | int, noun: str) -> int:
    """The row of an id.

    Args:
        known: the ids of all rows, integers or texts, ascending.
        noun: user or movie, for the message.

    Raises:
        InputError: there is no such id.
    """
    row = search_row(known, wanted)
    if row is not None:
        return row
    is_text = known.dtype == object
    if not is_text and not is_integer(str(wanted)):
        raise InputError(
            f"there is no {noun} {show(wanted)}: the {len(known):,} {noun}s have whole numbers as "
            f"ids, from {known[0]} to {known[-1]}"
        )
    wanted = str(wanted) if is_text else int(wanted)
    row = int(np.searchsorted(known, wanted))
    nearest = " and ".join(str(i) for i in known[max(row - 1, 0) : row + 1])
    raise InputError(
        f"there is no {noun} {show(wanted)}; the {len(known):,} {noun}s have ids from {known[0]} "
        f"to {known[-1]}, the nearest {nearest}"
    )


def describe_movies(
    catalogue: pd.DataFrame, rows: npt.ArrayLike, name: str, values: npt.ArrayLike
) -> list[Record]:
    """Movies, each with a number, as values that JSON can hold."""
    numbers = [round(float(value), 4) for value in np.asarray(values)]
    movies = catalogue.iloc[np.asarray(rows)].itertuples(index=False, name=None)
    return [
        {
            name: number,
            "movie": movie if isinstance(movie, str) else int(movie),
            "title": title,
            "genres": genres,
        }
        for number, (movie, title, genres) in zip(numbers, movies, strict=True)
    ]
