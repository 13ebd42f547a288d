"""The checks of the reader hold for releases and for own data alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.data.own import own_schema
from recsys.data.presets import preset
from recsys.data.schema import Schema
from recsys.pipeline.params import load_params
from recsys.sources.params import OwnParams
from tests.conftest import PARAMS, unpinned
from tests.raw import read_raw
from tests.toy import Toy, write_100k, write_dat

OWN = load_params(PARAMS)[OwnParams]
TIME = 1_000_000_000


Rows = list[tuple[object, ...]]


def write_own(folder: Path, rows: Rows) -> Schema:
    lines = [("user_id", "item_id", "rating", "timestamp"), *rows]
    (folder / "interactions").mkdir()
    text = "".join(",".join(map(str, row)) + "\n" for row in lines)
    (folder / "interactions" / "own.csv").write_text(text)
    names = {"interactions": "own.csv", "rating": "rating", "time": "timestamp"}
    return own_schema(OWN.model_copy(update=names | {"rating_scale": (1, 5, 1)}))


def write_release(folder: Path, rows: Rows) -> Schema:
    text = "".join("::".join(map(str, row)) + "\n" for row in rows)
    (folder / "ratings.dat").write_text(text)
    (folder / "movies.dat").write_text("1::One (2000)::Drama\n2::Two (2001)::Drama|Comedy\n")
    return preset(unpinned("ml-10m"))


@pytest.mark.parametrize(("write", "header"), [(write_own, 1), (write_release, 0)])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("", 2, 3, TIME), "= '' is empty, but every row needs an id"),
        ((3, 2, "x", TIME), "rating = 'x' is not a number"),
        ((3, 2, 6, TIME), "rating = '6' is not on the scale of"),
        ((3, 2, 3.3, TIME), "rating = '3.3' is not on the scale of"),
        ((3, 2, 3, 0), "timestamp = '0' is a time before 1990 or after tomorrow as seconds"),
        ((3, 2, 3, 10**12), "is a time before 1990 or after tomorrow as seconds"),
        ((1, 1, 4, TIME), " 1 already has "),
    ],
)
def test_an_error_names_the_line(
    tmp_path: Path,
    write: Callable[[Path, Rows], Schema],
    header: int,
    row: tuple[object, ...],
    message: str,
) -> None:
    schema = write(tmp_path, [(1, 1, 5, TIME), (1, 2, 3, TIME), row, (2, 1, 4, TIME)])
    with pytest.raises(InputError) as caught:
        read_raw(tmp_path, schema)
    text = str(caught.value)
    assert message in text
    assert f" line {3 + header}: " in text
    assert "\n" not in text
    assert ("fetch ml-10m again" in text) == (write is write_release)


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("ratings.dat", "1::2::5\n", "ratings.dat line 1501 has 3 columns, not 4"),
        (
            "ratings.dat",
            "3::x::5::1000000009\n",
            "ratings.dat line 1501: movieid = 'x' is not a whole num",
        ),
        (
            "ratings.dat",
            "9999::2::5::1000000009\n",
            "ratings.dat line 1501: userid = '9999' is not in .*us",
        ),
        (
            "ratings.dat",
            "3::9999::5::1000000009\n",
            "ratings.dat line 1501: movieid = '9999' is not in .*m",
        ),
        (
            "ratings.dat",
            "3::3000000000::5::1000000009\n",
            "line 1501: .* is not a whole number of 32 bits",
        ),
        ("users.dat", "1;F;25\n", "users.dat line 61 has 1 columns, not 5"),
        ("users.dat", "7::X::25::a::1\n", "users.dat line 61: gender = 'X' is none of F, M"),
        ("users.dat", "7::F::-1::a::1\n", "users.dat line 61: age = '-1' is none of 0 to 120"),
        ("users.dat", "3::F::1::a::1\n", "users.dat line 61: userid = '3' occurs twice"),
        ("users.dat", "007::F::1::a::1\n", "users.dat line 61: userid = '007' is not a whole"),
        ("movies.dat", "2::Title::Drama\n", "movies.dat line 41: movieid = '2' occurs twice"),
    ],
)
def test_an_error_names_the_line_of_a_release(
    tmp_path: Path, toy: Toy, file: str, line: str, message: str
) -> None:
    write_dat(toy, tmp_path)
    with (tmp_path / file).open("a") as content:
        content.write(line)
    with pytest.raises(InputError, match=message + r".*; correct .* fetch ml-1m again$"):
        read_raw(tmp_path, preset(unpinned("ml-1m")))


def test_a_flag_of_a_genre_is_0_or_1(tmp_path: Path, toy: Toy) -> None:
    file = write_100k(toy, tmp_path) / "u.item"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], lines[1].rstrip()[:-1] + b"2\n", *lines[2:]]))
    with pytest.raises(InputError, match=r"u.item line 2: Western = '2' is neither 0 nor 1"):
        read_raw(tmp_path, preset(unpinned("ml-100k")))


def test_further_wrong_lines_are_counted(tmp_path: Path, toy: Toy) -> None:
    write_dat(toy, tmp_path)
    again = "".join("::".join(map(str, row)) + "\n" for row in toy.ratings[:3])
    with (tmp_path / "ratings.dat").open("a") as content:
        content.write(again)
    with pytest.raises(InputError, match=r"line 1501: .* \(and 2 more lines repeat a pair\)"):
        read_raw(tmp_path, preset(unpinned("ml-1m")))


def test_a_file_without_ratings_is_reported(tmp_path: Path, toy: Toy) -> None:
    (write_dat(toy, tmp_path) / "ratings.dat").write_text("")
    with pytest.raises(InputError, match=r"ratings\.dat has no rows"):
        read_raw(tmp_path, preset(unpinned("ml-1m")))
