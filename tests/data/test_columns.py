from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys.common.errors import InputError
from recsys.data.files import columns
from recsys.data.files.columns import (
    encode_texts,
    parse_numbers,
    read_labels,
    read_numbers,
    read_times,
)
from recsys.data.files.text_table import TextFile, TextTable
from recsys.data.schema import Column, File, TimeFormat

A = Column("a", "own.a")


def table(folder: Path, *texts: str) -> TextTable:
    lines = "".join(f'"{text}",\n' for text in ("a", *texts))
    (folder / "t.csv").write_text(lines)
    return TextFile(folder, File(Path("t.csv"), shown="t.csv")).read([A])


def test_numbers_match_python() -> None:
    good = ["1", " 2.5 ", "-3", "+4", "1e3", ".5", "7.", "007", "1E-2", "-0.0", "9" * 400]
    bad = ["", "x", "1_000", "0x10", "1,5", "--1", "1e", "nan", "inf", "٣", "1 2"]
    numbers = parse_numbers(pa.array(good + bad))
    np.testing.assert_array_equal(numbers[: len(good)], list(map(float, good)))
    assert not np.isfinite(numbers[len(good) :]).any()
    np.testing.assert_array_equal(parse_numbers(pa.array(["1", "2.5"])), [1, 2.5])


def test_texts_are_stored_once_and_without_spaces() -> None:
    coded = encode_texts(pa.chunked_array([["b", "a"], [" a", "b", "c "]]))
    assert coded.texts.to_pylist() == ["b", "a", "c"]
    assert coded.codes.tolist() == [0, 1, 1, 0, 2]
    assert coded.spaced == " a"
    assert encode_texts(pa.chunked_array([["b"]])).spaced == ""


@pytest.mark.parametrize(
    ("time_format", "text", "seconds"),
    [
        ("seconds", "1000000000", 10**9),
        ("seconds", " 1000000000.9 ", 10**9),
        ("milliseconds", "1000000000999", 10**9),
        ("iso", "2001-09-09", 999_993_600),
        ("iso", "2001-09-09 01:46:40", 10**9),
        ("iso", "2001-09-09T01:46:40.900", 10**9),
        ("iso", "2001-09-09T01:46:40Z", 10**9),
        ("iso", "2001-09-09 03:46:40+02:00", 10**9),
        ("iso", " 2001-09-09 01:46 ", 10**9 - 40),
    ],
)
def test_times_are_seconds(
    tmp_path: Path, time_format: TimeFormat, text: str, seconds: int
) -> None:
    assert read_times(table(tmp_path, text), A, time_format).tolist() == [seconds]
    # Beside a time of another spelling.
    if time_format == "iso":
        both = table(tmp_path, text, "2001-09-09T01:46:40+00:00", "2001-09-09 01:46:40")
        assert read_times(both, A, time_format).tolist() == [seconds, 10**9, 10**9]


@pytest.mark.parametrize(
    ("time_format", "text", "message"),
    [
        ("seconds", "999999999999", "line 3: a = '999999999999' is a time before 1990 or after"),
        ("seconds", "631151999", "before 1990 or after tomorrow as seconds; is own.time_format ri"),
        ("seconds", "1e300", "before 1990"),
        ("seconds", "-1e-300", "before 1990"),
        ("seconds", "2001-09-09", "line 3: a = '2001-09-09' is not a number"),
        ("milliseconds", "1000000000", "before 1990 or after tomorrow as milliseconds"),
        ("iso", "2001-13-09", "line 3: a = '2001-13-09' is not a time like 2026-11-25 16:00:00"),
        ("iso", "", "line 3: a = '' is not a time like"),
        ("iso", "0001-01-01", "line 3: a = '0001-01-01' is"),
        ("iso", "9999-12-31", "line 3: a = '9999-12-31' is"),
    ],
)
def test_impossible_times_are_refused(
    tmp_path: Path, time_format: TimeFormat, text: str, message: str
) -> None:
    good = {"seconds": "1000000000", "milliseconds": "1000000000000", "iso": "2001-09-09"}
    with pytest.raises(InputError, match=message):
        read_times(table(tmp_path, good[time_format], text), A, time_format)


def test_a_time_without_a_zone_is_utc_beside_any_other(tmp_path: Path) -> None:
    """The rows before it do not change it, so the borders of the pieces do not either."""
    zones = ["2001-09-09 03:46:40+02:00", "2001-09-08T21:46:40.5-0400", "2001-09-09 01:46:40Z"]
    for zone in zones:
        both = table(tmp_path, zone, "2001-09-09 01:46:40", "2001-09-09", zone)
        assert read_times(both, A, "iso").tolist() == [10**9, 10**9, 999_993_600, 10**9]


def test_labels_and_numbers_name_the_first_wrong_line(tmp_path: Path) -> None:
    assert read_labels(table(tmp_path, "1", "0.0", " TRUE", "false"), A).tolist() == [1, 0, 1, 0]
    with pytest.raises(InputError, match=r"t.csv line 3: a = '2' is neither 0 nor 1; correct the"):
        read_labels(table(tmp_path, "1", "2", "0", "3"), A)
    with pytest.raises(InputError, match=r"t.csv line 4: a = 'x y' is not a number; correct the"):
        read_numbers(table(tmp_path, "1", " 2", "x y"), A)


def test_rows_of_several_blocks_are_one_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.data.files.delimited.BLOCK_BYTES", 2000)
    numbers = np.random.default_rng(0).integers(0, 300, 5000)
    read = table(tmp_path, *map(str, numbers))
    assert read.texts(A).num_chunks > 1
    np.testing.assert_array_equal(columns.read_numbers(read, A), numbers)
    coded = columns.read_ids(read, A)
    np.testing.assert_array_equal(np.array(coded.texts.to_pylist(), int)[coded.codes], numbers)
