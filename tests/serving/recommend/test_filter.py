"""What may be recommended, on four movies: genres a; none; c, b, d; b, c. The third is unrated."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from recsys.serving.recommend.filter import find_allowed
from recsys.serving.recommend.options import RecommendOptions, Years
from recsys.storage.dimensions import Dimensions
from tests.errors import refused
from tests.tables import make_dimensions


def find_movies(*options: object) -> list[int]:
    return np.flatnonzero(find_allowed(make_dimensions(), RecommendOptions(*options))).tolist()


def without(column: str) -> Dimensions:
    """The tables without the values of a column of the movies, or without a feature."""
    dimensions = make_dimensions()
    movies = dimensions.tables["movies"]
    empty = pa.nulls(len(movies), movies.schema.field(column).type)
    features = [f for f in dimensions.vocabulary.features if f.column != column]
    return dataclasses.replace(
        dimensions,
        tables=dimensions.tables
        | {"movies": movies.set_column(movies.schema.get_field_index(column), column, empty)},
        vocabulary=dataclasses.replace(dimensions.vocabulary, features=tuple(features)),
    )


@pytest.mark.parametrize(
    ("genres", "years", "movies"),
    [
        ((), (None, None), [0, 1, 3]),
        (("a",), (None, None), [0]),
        (("A", "C"), (None, None), [0, 3]),
        ((), (2000, None), [1, 3]),
        ((), (None, 2001), [1]),
        ((), (2000, 2001), [1]),
        (("b",), (2002, 2010), [3]),
    ],
)
def test_movies_have_a_rating_a_genre_and_a_year(
    genres: tuple[str, ...], years: Years, movies: list[int]
) -> None:
    assert find_movies(genres, years) == movies


@pytest.mark.parametrize(
    ("genres", "years", "message"),
    [
        (("a", "x"), (None, None), "there is no genre 'x'; there are a, b, c, d"),
        (("d",), (None, None), "no movie with a training rating has such a genre and year"),
        ((), (1990, 1999), "no movie is of the years 1990-1999; the movies are of 2000-2002"),
        ((), (2003, None), "no movie is of the years 2003-; the movies are of 2000-2002"),
    ],
)
def test_options_that_no_movie_has_are_refused(
    genres: tuple[str, ...], years: Years, message: str
) -> None:
    with refused(message):
        find_movies(genres, years)


def test_own_data_may_have_neither_genres_nor_years() -> None:
    with refused("the movies have no genres: no list in own.item_feat"):
        find_allowed(without("genres"), RecommendOptions(genres=("a",)))
    with refused("no title ends with a year"):
        find_allowed(without("year"), RecommendOptions(years=(1990, None)))
