"""What the features take from the movies table.

Shapes: M movies and one unknown movie.
"""

import numpy as np
import pyarrow as pa

from recsys.common.arrays import Floats, Mask
from recsys.features.params import StatisticsParams
from recsys.features.statistics import DECADES, FIRST_YEAR, Catalogue


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


def describe_content(catalogue: Catalogue) -> Floats:
    """Columns that describe the movies to a Gaussian process, one of them constant, [M + 1, C]."""
    half_decades = np.clip((catalogue.years - FIRST_YEAR) // 5, 0, 2 * DECADES - 2)
    return np.column_stack(
        [np.ones(len(half_decades)), catalogue.genres, np.eye(2 * DECADES - 1)[half_decades]]
    )
