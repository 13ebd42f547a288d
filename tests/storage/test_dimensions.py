from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.storage import schemas
from recsys.storage.parquet import read_metadata
from tests.prepared import load_dimensions, prepare
from tests.toy import make_toy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(make_toy(), tmp_path)
    return tmp_path


def put(table: pa.Table, name: str, value: object) -> pa.Table:
    """Put a value into the last row of a column."""
    place = table.column_names.index(name)
    values = [*table[name].to_pylist()[:-1], value]
    return table.set_column(place, table.schema.field(name), pa.array(values, table[name].type))


def cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, table[name].cast(kind))


CHANGES: dict[str, tuple[str, Callable[[pa.Table], pa.Table], str]] = {
    "no rows": ("users", lambda t: t[:0], "vocabulary.json does not belong to"),
    "a row less": ("users", lambda t: t[:-1], "vocabulary.json does not belong to"),
    "a row twice": ("movies", lambda t: pa.concat_tables([t, t[-1:]]), "vocabulary.json does not"),
    "a column less": ("users", lambda t: t.drop_columns("gender"), "users.parquet has the columns"),
    "a column more": (
        "users",
        lambda t: t.append_column("x\n", t["gender"]),
        r"has the columns raw_userid, age_code, .*, 'x\\n', expected raw_userid",
    ),
    "other types": (
        "users",
        lambda t: cast(cast(t, "raw_userid", pa.int64()), "gender", pa.float64()),
        r"users.parquet has the columns raw_userid \(int64\), gender \(double\), expected "
        r"raw_userid \(int32\), gender \(float\)",
    ),
    "columns in another order": ("users", lambda t: t.select(t.column_names[::-1]), "has the colu"),
    "no id": ("users", lambda t: put(t, "raw_userid", None), "vocabulary.json does not"),
    "another id": ("users", lambda t: put(t, "raw_userid", 10**9), "vocabulary.json does not"),
    "no title": ("movies", lambda t: put(t, "title", None), "title is null in 1 rows"),
    "no code": ("users", lambda t: put(t, "age_code", None), "age_code is null in 1 rows"),
    "no list": ("movies", lambda t: put(t, "genres", None), "genres is null in 1 rows"),
    "no code in a list": (
        "movies",
        lambda t: put(t, "genres", [0, None]),
        "genres.codes is null i",
    ),
    "a code without a name": (
        "users",
        lambda t: put(t, "zip_code", 1),
        "users.parquet: zip_code has 1, its vocabulary codes from 0 to 0",
    ),
    "a negative code": (
        "users",
        lambda t: put(t, "age_code", -1),
        "age_code has -1, its vocabulary",
    ),
    "a code in a list without a name": (
        "movies",
        lambda t: put(t, "genres", [0, 4]),
        "movies.parquet: genres has 4, its vocabulary codes from 0 to 3",
    ),
    "a negative code in a list": ("movies", lambda t: put(t, "genres", [-7]), "genres has -7, its"),
    "not a number": (
        "users",
        lambda t: put(t, "gender", float("nan")),
        "users.parquet: gender has nan, its vocabulary finite numbers",
    ),
    "an infinite number": (
        "users",
        lambda t: put(t, "gender", float("inf")),
        "gender has inf, its",
    ),
}


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load_dimensions(folder)
    text = str(error.value)
    assert text.endswith("; run `dvc repro`, or restore it with `dvc checkout`")
    assert "\n" not in text


@pytest.mark.parametrize(("name", "change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_table_that_does_not_fit_the_vocabulary_is_refused(
    folder: Path, name: str, change: Callable[[pa.Table], pa.Table], message: str
) -> None:
    path = folder / f"encoded/{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    refuse(folder, message)


def test_a_movie_may_have_no_year_and_no_genres(folder: Path) -> None:
    path = folder / "encoded/movies.parquet"
    pq.write_table(put(put(pq.read_table(path), "year", None), "genres", []), path)
    assert load_dimensions(folder).tables["movies"]["genres"].to_pylist()[-1] == []


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1] * 59 + [-1], r"counts/users.parquet: training_ratings has -1"),
        ([1] * 59 + [None], r"counts/users.parquet: training_ratings is null in 1 rows"),
        ([1] * 59, r"counts/users.parquet counts the ratings of 59 users, \S+users.parquet has 60"),
    ],
)
def test_counts_that_do_not_fit_the_tables_are_refused(
    folder: Path, counts: list[int], message: str
) -> None:
    path = folder / "split/counts/users.parquet"
    schema = schemas.COUNTS.with_metadata(read_metadata(path))
    pq.write_table(pa.table({"training_ratings": counts}, schema), path)
    refuse(folder, message)


def test_texts_that_are_not_utf8_are_refused(folder: Path) -> None:
    path = folder / "encoded/movies.parquet"
    titles = pa.array([b"\xff"] * 40, pa.binary())
    titles = pa.Array.from_buffers(pa.string(), 40, titles.buffers())
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "title", titles), path)
    refuse(folder, r"movies.parquet cannot be read \(.*UTF8")
