from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.common.rating_scale import WHOLE_STARS
from recsys.data.readers import Tables, read_tables
from recsys.data.validation import check_tables
from recsys.sources.releases import RELEASES
from tests.conftest import unpinned
from tests.toy import Toy, write_dat


@pytest.fixture
def tables(tmp_path: Path, toy: Toy) -> Tables:
    tables = read_tables(write_dat(toy, tmp_path), unpinned("ml-1m"))
    # The frames that were read are Arrow's memory, which cannot be changed.
    return Tables(tables.users.copy(), tables.movies.copy(), tables.ratings.copy(), WHOLE_STARS)


def test_the_toy_tables_are_valid(tables: Tables) -> None:
    check_tables(tables, unpinned("ml-1m"))


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "message"),
    [
        (
            "ratings",
            3,
            "rating",
            6,
            "ratings.dat line 4: rating 6.0 is not on the scale of 1 to 5 stars",
        ),
        ("ratings", 3, "rating", 3.5, "rating 3.5 is not on the scale of 1 to 5 stars by 1"),
        ("ratings", 0, "userid", 9999, "ratings.dat line 1: userid 9999 is not in the users"),
        (
            "ratings",
            9,
            "movieid",
            9999,
            "ratings.dat line 10: movieid 9999 is not in the movie",
        ),
        ("ratings", 9, "timestamp", 0, "timestamp 0 is not a time after 1970"),
        ("users", 5, "gender", "X", "users.dat line 6: gender X is neither F nor M"),
        ("users", 5, "age", -1, "users.dat line 6: age -1 is not between 0 and 120 years"),
        ("users", 5, "userid", 0, "users.dat line 6: userid 0 is not a positive id"),
        ("movies", 2, "title", "", "movies.dat line 3: title  is empty"),
    ],
)
def test_the_offending_row_is_named(
    tables: Tables, table: str, row: int, column: str, value: object, message: str
) -> None:
    frame: pd.DataFrame = getattr(tables, table)
    frame.loc[row, column] = value
    with pytest.raises(InputError, match=message):
        check_tables(tables, unpinned("ml-1m"))


@pytest.mark.parametrize("table", ["users", "movies"])
def test_a_duplicate_id_is_named(tables: Tables, table: str) -> None:
    frame: pd.DataFrame = getattr(tables, table)
    frame.iloc[7, 0] = frame.iloc[2, 0]
    with pytest.raises(
        InputError, match=rf"{table}.dat line 8: .* {frame.iloc[2, 0]} occurs twice"
    ):
        check_tables(tables, unpinned("ml-1m"))


def test_duplicate_pairs_are_named_and_counted(tables: Tables) -> None:
    for row in (30, 40):
        tables.ratings.loc[row, ["userid", "movieid"]] = tables.ratings.loc[2]
    message = (
        r"ratings.dat line 31: movieid \d+ was rated by the same user before \(and 1 more lines\)"
    )
    with pytest.raises(InputError, match=message):
        check_tables(tables, unpinned("ml-1m"))


def test_a_file_without_ratings_is_reported(tables: Tables) -> None:
    with pytest.raises(InputError, match=r"ratings\.dat has no ratings"):
        check_tables(replace(tables, ratings=tables.ratings[:0]), unpinned("ml-1m"))


def test_published_counts_are_checked(tables: Tables) -> None:
    with pytest.raises(InputError, match="ml-1m: users is 60, published 6040"):
        check_tables(tables, RELEASES["ml-1m"])
