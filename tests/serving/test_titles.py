import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from recsys.serving.titles import Titles, find_movie
from tests.errors import refused
from tests.tables import make_dimensions

TITLES = [
    "Heat (1995)",
    "In the Heat of the Night (1967)",
    "Cheat, The (1915)",
    "Matrix, The (1999)",
    "Amélie (2001)",
    "Heat (1986)",
    "M*A*S*H (1970)",
    "Seven (a.k.a. Se7en) (1995)",
]
KNOWN = np.array([90, 80, 70, 60, 50, 95, 40, 30])


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        # Those that begin with it, the better known first; then with words that do; then the rest.
        ("heat", [5, 0, 1, 2]),
        ("HEAT 1995", [0]),
        ("the matrix", [3]),
        ("matrix, the", [3]),
        ("the heat", [1, 2]),
        # Words in any order, without the year, are the whole title.
        ("the cheat", [2]),
        ("eat", [5, 0, 1, 2]),
        ("amelie", [4]),
        ("AMÉLIE", [4]),
        ("m*a*s*h", [6]),
        ("se7en", [7]),
        ("", []),
        (" *?", []),
        ("nothing", []),
    ],
)
def test_titles_are_found_by_their_words(query: str, rows: list[int]) -> None:
    assert Titles(TITLES, KNOWN).search(query, 10) == rows


def test_the_number_of_titles_is_limited() -> None:
    assert Titles(TITLES, KNOWN).search("heat", 2) == [5, 0]


def find(ids: list[object], titles: list[str], wanted: str) -> list[object]:
    dimensions = make_dimensions()
    movies = dimensions.tables["movies"]
    for name, values in (("raw_movieid", pa.array(ids)), ("title", pa.array(titles))):
        movies = movies.set_column(movies.schema.get_field_index(name), name, values)
    tables = dimensions.tables | {"movies": movies}
    return [ids[row] for row in find_movie(dataclasses.replace(dimensions, tables=tables), wanted)]


# Numbers of training ratings are 1, 2, 0 and 3.
FILMS = ["Alien (1979)", "Aliens (1986)", "1984 (1984)", "Aliens of 1984 (1998)"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("6", [6]),
        # The whole title first, then the better known.
        ("alien", [5, 8, 6]),
        ("ALIENS", [6, 8]),
        # An id wins over a title, and a number is a title only if it is one in whole.
        ("1984", [7]),
    ],
)
def test_a_movie_is_found_by_its_id_or_else_its_title(wanted: str, found: list[int]) -> None:
    assert find([5, 6, 7, 8], FILMS, wanted) == found


def test_ids_that_are_texts_win_too() -> None:
    ids = ["alien", "b", "c", "d"]
    assert find(ids, FILMS, "alien") == ["alien"]
    assert find(ids, FILMS, "Alien") == ["alien", "d", "b"]
    assert find(ids, FILMS, "1998") == ["d"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("predator", "there is no movie 'predator': no id is so, and no title has all of these"),
        ("", "there is no movie '': no id is so"),
        ("1998", "there is no movie 1998; the 4 movies have ids from 5 to 8, the nearest 8"),
    ],
)
def test_what_matches_nothing_is_refused(wanted: str, message: str) -> None:
    with refused(message):
        find([5, 6, 7, 8], FILMS, wanted)
