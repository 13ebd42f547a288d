"""Releases through the reader: every layout gives the same tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.data.presets import PRESETS, preset
from recsys.sources.releases import RELEASES
from tests.conftest import unpinned
from tests.raw import Read, read_raw
from tests.toy import Toy, write_100k, write_csv, write_dat


def read(folder: Path, name: str) -> Read:
    return read_raw(folder, preset(unpinned(name)))


def expected_users(toy: Toy) -> pd.DataFrame:
    users = pd.DataFrame(toy.users, columns=["raw_userid", "gender", "age", "occupation", "zip"])
    return users.sort_values("raw_userid", ignore_index=True).astype({"age": str})


def expected_movies(toy: Toy) -> pd.DataFrame:
    movies = pd.DataFrame(toy.movies, columns=["raw_movieid", "title", "genres"])
    return movies.sort_values("raw_movieid", ignore_index=True)


def check_ratings(tables: Read, toy: Toy) -> None:
    """The rows of the ratings refer to the ids that the file has."""
    found = tables.ratings.assign(
        user=tables.users["raw_userid"].to_numpy()[tables.ratings["user"]],
        movie=tables.movies["raw_movieid"].to_numpy()[tables.ratings["movie"]],
    )
    found = found[["user", "movie", "rating", "timestamp"]].to_numpy().tolist()
    assert sorted(found) == sorted(list(map(float, rating)) for rating in toy.ratings)


def assert_same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_dtype=False)


def test_every_release_has_a_preset() -> None:
    assert PRESETS.keys() == RELEASES.keys()
    for name, release in RELEASES.items():
        schema = preset(release)
        files = [schema.ratings, schema.movies, schema.users]
        assert [str(file.path) for file in files if file] == list(release.members)
        assert schema.published == release.published_counts, name


def test_every_layout_gives_the_same_tables(tmp_path: Path, toy: Toy) -> None:
    for tables in (
        read(write_100k(toy, tmp_path / "100k"), "ml-100k"),
        read(write_dat(toy, tmp_path / "1m"), "ml-1m"),
    ):
        assert_same(tables.users, expected_users(toy))
        assert_same(tables.movies, expected_movies(toy))
        check_ratings(tables, toy)


def test_without_a_users_file_the_users_are_those_who_rated(tmp_path: Path, toy: Toy) -> None:
    write_dat(toy, tmp_path / "10m", encoding="utf-8", users=False)
    write_csv(toy, tmp_path / "csv")
    for folder, name in (("10m", "ml-10m"), ("csv", "ml-25m")):
        tables = read(tmp_path / folder, name)
        assert tables.users["raw_userid"].tolist() == sorted({user for user, *_ in toy.ratings})
        assert tables.users.drop(columns="raw_userid").isna().all(axis=None)
        assert_same(tables.movies, expected_movies(toy))
        check_ratings(tables, toy)


def test_ids_of_releases_take_four_bytes(tmp_path: Path, toy: Toy) -> None:
    tables = read(write_dat(toy, tmp_path), "ml-1m")
    assert tables.users["raw_userid"].dtype == tables.movies["raw_movieid"].dtype == np.int32
    assert tables.id_types == {"users": "int32", "movies": "int32"}


def test_csv_files_may_have_quoted_titles_and_half_stars(tmp_path: Path) -> None:
    ratings = "userId,movieId,rating,timestamp\r\n7,11,0.5,1000000000\r\n"
    (tmp_path / "ratings.csv").write_text(ratings)
    movies = 'movieId,title,genres\r\n11,"American President, The (1995)",Comedy|Sci-Fi\r\n'
    (tmp_path / "movies.csv").write_text(movies)
    tables = read_raw(tmp_path, preset(RELEASES["ml-32m"]))
    assert tables.movies["title"].tolist() == ["American President, The (1995)"]
    assert tables.movies["genres"].tolist() == [["Comedy", "Sci-Fi"]]
    assert tables.ratings["rating"].tolist() == [0.5]


@pytest.mark.parametrize("header", ["", "a,b,c,d\n"])
def test_a_csv_without_its_header_is_reported(tmp_path: Path, toy: Toy, header: str) -> None:
    write_csv(toy, tmp_path)
    lines = (tmp_path / "ratings.csv").read_text().splitlines(keepends=True)
    (tmp_path / "ratings.csv").write_text(header + "".join(lines[1:]))
    with pytest.raises(InputError, match=r"ratings.csv has no column 'userid'; it has '"):
        read(tmp_path, "ml-25m")


def test_published_counts_are_checked(tmp_path: Path, toy: Toy) -> None:
    with pytest.raises(InputError, match=r"ratings\.dat: users is 60, published 6040; .* again"):
        read_raw(write_dat(toy, tmp_path), preset(RELEASES["ml-1m"]))
