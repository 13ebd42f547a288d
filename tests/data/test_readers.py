from pathlib import Path

import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.common.rating_scale import WHOLE_STARS
from recsys.data.readers import Tables, read_tables
from recsys.sources.releases import RELEASES
from tests.conftest import unpinned
from tests.toy import Toy, write_100k, write_csv, write_dat


def expected_tables(toy: Toy) -> Tables:
    return Tables(
        pd.DataFrame(toy.users, columns=["userid", "gender", "age", "occupation", "zip"]),
        pd.DataFrame(toy.movies, columns=["movieid", "title", "genres"]),
        pd.DataFrame(toy.ratings, columns=["userid", "movieid", "rating", "timestamp"]),
        WHOLE_STARS,
    )


def assert_same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_dtype=False)


def test_every_layout_gives_the_same_tables(tmp_path: Path, toy: Toy) -> None:
    expected = expected_tables(toy)
    for tables in (
        read_tables(write_100k(toy, tmp_path / "100k"), unpinned("ml-100k")),
        read_tables(write_dat(toy, tmp_path / "1m"), unpinned("ml-1m")),
    ):
        assert_same(tables.users, expected.users)
        assert_same(tables.movies, expected.movies)
        assert_same(tables.ratings, expected.ratings)


def test_without_a_users_file_the_users_are_those_who_rated(tmp_path: Path, toy: Toy) -> None:
    expected = expected_tables(toy)
    write_dat(toy, tmp_path / "10m", encoding="utf-8", users=False)
    write_csv(toy, tmp_path / "csv")
    for folder, name in (("10m", "ml-10m"), ("csv", "ml-25m")):
        tables = read_tables(tmp_path / folder, unpinned(name))
        assert tables.users["userid"].tolist() == sorted(expected.ratings["userid"].unique())
        assert tables.users.drop(columns="userid").isna().all(axis=None)
        assert_same(tables.movies, expected.movies)
        assert_same(tables.ratings, expected.ratings)


def test_ids_and_ratings_take_four_bytes(tmp_path: Path, toy: Toy) -> None:
    ratings = read_tables(write_dat(toy, tmp_path), unpinned("ml-1m")).ratings
    assert ratings.dtypes.astype(str).to_dict() == {
        "userid": "int32",
        "movieid": "int32",
        "rating": "float32",
        "timestamp": "int64",
    }


def test_csv_files_may_have_quoted_titles_and_half_stars(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\r\n7,11,0.5,9\r\n")
    movies = 'movieId,title,genres\r\n11,"American President, The (1995)",Comedy|Sci-Fi\r\n'
    (tmp_path / "movies.csv").write_text(movies)
    tables = read_tables(tmp_path, RELEASES["ml-32m"])
    assert tables.movies["title"].tolist() == ["American President, The (1995)"]
    assert tables.movies["genres"].tolist() == [["Comedy", "Sci-Fi"]]
    assert tables.ratings["rating"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("ratings.dat", "1::2::5\n", r"ratings.dat: .*Row #1501: Expected 4 columns, got 3"),
        ("ratings.dat", "1::x::5::9\n", r"ratings.dat: .*Row #1501: .*int32: invalid value 'x'"),
        ("ratings.dat", "::2::5::9\n", r"ratings.dat: .*Row #1501: .*invalid value ''"),
        (
            "users.dat",
            "1;F;25\n",
            r"users.dat: .*Row #61: Expected 5 columns, got 1.* '::'",
        ),
    ],
)
def test_a_malformed_row_is_named(
    tmp_path: Path, toy: Toy, file: str, line: str, message: str
) -> None:
    write_dat(toy, tmp_path)
    with (tmp_path / file).open("a") as content:
        content.write(line)
    with pytest.raises(InputError, match=message):
        read_tables(tmp_path, unpinned("ml-1m"))


@pytest.mark.parametrize("header", ["", "a,b,c,d\n", "movieId,userId,rating,timestamp\n"])
def test_a_csv_without_its_header_is_reported(tmp_path: Path, toy: Toy, header: str) -> None:
    write_csv(toy, tmp_path)
    lines = (tmp_path / "ratings.csv").read_text().splitlines(keepends=True)
    (tmp_path / "ratings.csv").write_text(header + "".join(lines[1:]))
    with pytest.raises(InputError, match=r"ratings.csv line 1: .*; expected 'userid,movieid,rat"):
        read_tables(tmp_path, unpinned("ml-25m"))


def test_a_missing_file_is_named(tmp_path: Path, toy: Toy) -> None:
    (write_dat(toy, tmp_path) / "users.dat").unlink()
    with pytest.raises(InputError, match=r"users\.dat is missing; fetch ml-1m again"):
        read_tables(tmp_path, unpinned("ml-1m"))


@pytest.mark.parametrize(
    "header", ["\ufeffuserId,movieId,rating,timestamp", '"userId","movieId","rating","timestamp"']
)
def test_a_header_may_have_a_byte_order_mark_or_quotes(
    tmp_path: Path, toy: Toy, header: str
) -> None:
    folder = write_csv(toy, tmp_path)
    expected = read_tables(folder, unpinned("ml-latest-small")).ratings
    text = (folder / "ratings.csv").read_text().replace("userId,movieId,rating,timestamp", header)
    (folder / "ratings.csv").write_text(text, encoding="utf-8")
    assert_same(read_tables(folder, unpinned("ml-latest-small")).ratings, expected)
