"""Files as people have them: texts of columns, and the physical line of each row."""

import bz2
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.common.errors import InputError
from recsys.data.files.text_table import TextFile, TextTable
from recsys.data.schema import Column, File

A, B = Column("a", "own.a"), Column("b", "own.b")


def read(folder: Path, name: str, content: bytes | str = b"", **how: object) -> TextTable:
    if content:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return TextFile(folder, File(Path(name), shown=name, **how)).read([A, B])


def rows(table: TextTable) -> list[tuple[str, str]]:
    return list(zip(table.texts(A).to_pylist(), table.texts(B).to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("content", "expected", "lines"),
    [
        ("a,b\n1,2\n3,4\n", [("1", "2"), ("3", "4")], [2, 3]),
        ("a,b\r1,2\r3,4", [("1", "2"), ("3", "4")], [2, 3]),
        ("\n\nb;c;a\n\n2;;1\n\n4;;3\n", [("1", "2"), ("3", "4")], [5, 7]),
        ('\ufeff"a","b"\r\n"x\r\ny",2\r\n3,"4""q"\r\n', [("x\r\ny", "2"), ("3", '4"q')], [2, 4]),
        ('"A\n"\t _B\n"x\n"\t2\n3\t4\n', [("x\n", "2"), ("3", "4")], [3, 5]),
        ("c|a|c|b\n0|1|0|\n", [("1", "")], [2]),
        ("a,b\n", [], []),
        ("a,b", [], []),
        ("a,b\n" + "x" * 2_000_000 + ",1\n3,4\n", [("x" * 2_000_000, "1"), ("3", "4")], [2, 3]),
    ],
)
def test_rows_and_their_lines(
    tmp_path: Path, content: str, expected: list[tuple[str, str]], lines: list[int]
) -> None:
    table = read(tmp_path, "t.csv", content)
    assert rows(table) == expected
    assert [table.file.place(row) for row in range(table.rows)] == [
        f"line {line}" for line in lines
    ]


def test_columns_may_be_divided_by_two_characters_and_named_by_the_schema(tmp_path: Path) -> None:
    content = 'é::"2\n\n3::4:5\n'.encode("latin-1")
    how = {"separator": "::", "names": ("a", "b"), "quoted": False, "encoding": "latin-1"}
    table = read(tmp_path, "t.dat", content, **how)
    assert rows(table) == [("é", '"2'), ("3", "4:5")]
    assert [table.file.place(row) for row in range(2)] == ["line 1", "line 3"]
    with pytest.raises(InputError, match=r"^t.dat line 4 has 1 columns, not 2; correct the line$"):
        read(tmp_path, "t.dat", content + b"5:6\n", **how)


def test_compressed_files_are_read_by_their_suffix(tmp_path: Path) -> None:
    content = b'a,b\n"1\n",2\n3,4\n'
    with pa.CompressedOutputStream(str(tmp_path / "t.csv.zst"), "zstd") as file:
        file.write(content)
    for table in (
        read(tmp_path, "t.csv.gz", gzip.compress(content)),
        read(tmp_path, "t.csv.bz2", bz2.compress(content)),
        read(tmp_path, "t.csv.zst"),
    ):
        assert rows(table) == [("1\n", "2"), ("3", "4")]
        assert table.file.place(1) == "line 4"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "\n\n", "t.csv is empty: a header with the columns' names is needed"),
        ("t.csv", 'a,b\n"\n",2\n\n1,2,3\n', "t.csv line 5 has 3 columns, the header 2"),
        ("t.csv", "a,b\n1,2\n1\n", "t.csv line 3 has 1 columns, the header 2; correct the line"),
        ("t.csv", "a,A,b\n1,2,3\n", r"2 columns 'a' \(own.a\); it has 'a', 'A', 'b'"),
        ("t.csv", ",".join("c" * 3000), r"no column 'a' \(own.a\); it has 'c', .* and 2980 more"),
        ("t.csv", b"a,b\n1,2\n\xe9,3\n", "^t.csv line 3 is not UTF-8; save the file as UTF-8"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "t.csv line 1 is not UTF-8; save the file as UT"),
        ("t.csv.gz", b"a,b\n", "t.csv.gz cannot be read: .*; correct the file"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:40], "t.csv.gz cannot be read: "),
        ("t.parquet", b"a,b\n", "t.parquet cannot be read: .*; correct the file"),
        ("u.csv", b"", "u.csv is missing; run `dvc repro -f fetch`"),
    ],
)
def test_a_bad_file_is_reported_in_one_line(
    tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, name, content)
    assert "\n" not in str(caught.value)


def test_parquet_columns_of_any_plain_type_are_texts(tmp_path: Path) -> None:
    columns = {
        "a": pa.array(["x", None]).dictionary_encode(),
        "b": pa.array([1.0, 2.5]),
        "nan": pa.array([float("nan"), 2]),
        "c": pa.array([[1], [2]]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read(tmp_path, "t.parquet")
    assert rows(table) == [("x", "1"), ("", "2.5")]
    assert str(table.error(1, B, "is odd")) == "t.parquet row 2: b = '2.5' is odd; correct the file"
    nan = Column("nan")
    assert table.file.read([nan]).texts(nan).to_pylist() == ["", "2"]
    del columns["nan"]
    pq.write_table(pa.table(columns).rename_columns(["a", "c", "b"]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"the column b holds list<.*>; make it texts or numbers"):
        read(tmp_path, "t.parquet")
