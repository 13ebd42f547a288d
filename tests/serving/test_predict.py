import datetime
import os
import re
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pyarrow import csv

from recsys.common.errors import InputError
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.predict import streams
from recsys.serving.predict.score_file import score_file
from tests.errors import refused
from tests.runs import NEW_USER, Run, find_rows, save_model

# Published ids. The last user has no training rating.
PAIRS = pd.DataFrame(
    {
        "note": ["a", "b, c", "", '"', "e"],
        "userid": [3, 6, 9, 3, NEW_USER],
        "weight": [0.5, 1.5, 2.5, 1e-9, 1e9],
        "movieid": [2, 4, 6, 8, 10],
    }
)
WRITE = {
    ".parquet": lambda frame, path: frame.to_parquet(path),
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
}
READ = {".parquet": pd.read_parquet, ".csv": lambda path: pd.read_csv(path, keep_default_na=False)}


@pytest.fixture
def scorer(run: Run) -> CheckpointModel:
    return CheckpointModel(run.checkpoint)


@pytest.mark.parametrize("source", [".parquet", ".csv"])
@pytest.mark.parametrize("target", [".parquet", ".csv"])
def test_the_answers_are_added_as_the_last_columns(
    scorer: CheckpointModel, source: str, target: str
) -> None:
    pairs, scores = Path(f"pairs{source}"), Path(f"scores{target}")
    WRITE[source](PAIRS, pairs)
    assert score_file(scorer, pairs, scores) == 5
    table = READ[target](scores)
    assert table.columns.tolist() == ["note", "userid", "weight", "movieid", "score", "stars"]
    kept = table.drop(columns=["score", "stars"]).astype({"weight": float})
    pd.testing.assert_frame_equal(kept, PAIRS)
    users = find_rows(scorer, "users", torch.tensor(PAIRS["userid"]))
    movies = find_rows(scorer, "movies", torch.tensor(PAIRS["movieid"]))
    expected = scorer.score(users, movies)
    for name, answer in zip(("score", "stars"), expected, strict=True):
        assert table[name].to_numpy("float32").tolist() == answer.tolist()


def test_a_model_with_the_label_alone_adds_no_stars(run: Run) -> None:
    """So a column of this name is kept like others."""
    save_model(run, thresholds="label")
    Path("pairs.csv").write_text("userid,movieid,stars\n3,2,mine\n")
    score_file(CheckpointModel(run.checkpoint), Path("pairs.csv"), Path("scores.parquet"))
    table = pq.read_table("scores.parquet")
    assert table.column_names == ["userid", "movieid", "stars", "score"]
    assert table["stars"].to_pylist() == ["mine"]
    assert table.schema.field("score").type == pa.float32()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_reading_in_pieces_changes_no_score(
    scorer: CheckpointModel, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = Path(f"pairs{suffix}")
    WRITE[suffix](pd.concat([PAIRS] * 4), pairs)
    score_file(scorer, pairs, Path("whole.csv"))
    monkeypatch.setattr(streams, "PIECE_ROWS", 3)
    monkeypatch.setattr(streams, "PIECE_BYTES", 80)
    assert len(list(streams.open_source(pairs).pieces)) > 2
    assert score_file(scorer, pairs, Path("pieces.csv")) == 20
    # The last digit depends on the batch: matrix products round differently by their shape.
    pieces, whole = (pd.read_csv(f"{name}.csv") for name in ("pieces", "whole"))
    pd.testing.assert_frame_equal(pieces, whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("7,2", "row 4: there is no user 7; the 61 .*, the nearest 6 and 9; .* --unknown sc"),
        ("3,1000", "row 4: there is no movie 1000; the 42 movies .*, the nearest 102; "),
        ("-3,2", "row 4: there is no user -3"),
        ("3,x", "row 4: movieid = 'x' is not an integer; correct or remove"),
        (",2", "row 4: userid = '' is not an integer"),
        ("3.5,2", "row 4: userid = '3.5' is not an integer"),
        ("3,99999999999999999999", "row 4: movieid = '99999999999999999999' is not an integer"),
        ("3,2,1", "row 4 has 3 columns, the header 2; correct the row"),
        ("3", "row 4 has 1 columns, the header 2"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [2**20, 24])
def test_a_bad_row_is_named_and_nothing_is_written(
    scorer: CheckpointModel,
    row: str,
    message: str,
    piece_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "PIECE_BYTES", piece_bytes)
    Path("pairs.csv").write_text(f"userid,movieid\n3,2\n3,4\n6,2\n{row}\n3,8\n")
    Path("scores.csv").write_text("old")
    with pytest.raises(InputError, match="pairs.csv " + message) as error:
        score_file(scorer, Path("pairs.csv"), Path("scores.csv"))
    assert "\n" not in str(error.value)
    assert Path("scores.csv").read_text() == "old"
    assert not list(Path().glob(".*.partial"))


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([3, 6, None], "row 3: userid is missing"),
        ([3.0, 6.5, None], "row 2: userid = 6.5 is not an integer"),
        ([3.0, float("nan")], "row 2: userid = nan is not"),
        (["3", "six"], "row 2: userid = 'six'"),
        ([3.0, 1e300], r"row 2: userid = 1e\+300 is not"),
        (["3", None], "row 2: userid is missing"),
        (["3", "0x6"], "row 2: userid = '0x6' is not"),
        (["3", "x" * 1000], r"row 2: userid = 'x+\.\.\.x+' is not"),
        (pa.array([3, None]).dictionary_encode(), "row 2: userid is missing"),
        (pa.array([3, 2**64 - 1], pa.uint64()), "row 2: userid = 18446744073709551615 is not"),
        (pa.nulls(2), "row 1: userid is missing"),
        ([[3], [6]], r"userid has the type list<element: int64>; ids are whole numbers or texts"),
        ([True, False], "userid has the type bool"),
        ([b"3", b"6"], "userid has the type binary"),
        ([datetime.date(1970, 1, 4)] * 2, r"userid has the type date32\[day\]"),
        (pa.array([3, 6], pa.timestamp("s")), r"userid has the type timestamp\[ms\]"),
        (pa.array([3, 6], pa.duration("s")), r"userid has the type duration"),
    ],
)
def test_a_bad_value_of_any_type_is_named(
    scorer: CheckpointModel, users: list, message: str
) -> None:
    pq.write_table(pa.table({"userid": users, "movieid": [2] * len(users)}), "pairs.parquet")
    with pytest.raises(InputError, match=message):
        score_file(scorer, Path("pairs.parquet"), Path("scores.parquet"))


@pytest.mark.parametrize(
    "users",
    [
        [3.0, 6.0],
        ["3", "6"],
        [" 3", "6.0 "],
        ["003", "+6."],
        pa.array([3, 6], pa.uint8()),
        pa.array([3, 6], pa.float16()),
        pa.array(["3", "6"], pa.large_string()),
        pa.array([Decimal("3.00"), Decimal("6.00")]),
        pa.array(["3", "6"]).dictionary_encode(),
        pa.array([3, 6]).dictionary_encode(),
    ],
    ids=str,
)
def test_a_whole_number_of_any_type_is_an_id(scorer: CheckpointModel, users: list) -> None:
    pq.write_table(pa.table({"userid": users, "movieid": [2, 2]}), "pairs.parquet")
    score_file(scorer, Path("pairs.parquet"), Path("scores.parquet"))
    table = pq.read_table("scores.parquet")
    assert table["userid"].to_pylist() == [3, 6]
    assert table.schema.field("userid").type == pa.int64()


ODD_CSV = {
    "byte order mark": "\ufeffuserid,movieid\n3,2\n6,4\n",
    "CRLF": "userid,movieid\r\n3,2\r\n6,4\r\n",
    "CR": "userid,movieid\r3,2\r6,4\r",
    "no last newline": "userid,movieid\n3,2\n6,4",
    "blank lines": "\n\nuserid,movieid\n3,2\n\n6,4\n\n",
    "quoted": '"userid","movieid"\n"3","2"\n"6","4"\n',
    "floats": "userid,movieid\n3.0,2.0\n6.0,4.0\n",
    "spaces": "userid,movieid\n3 , 2\n 6, 4\n",
    "unnamed columns": ",,userid,movieid\n0,a,3,2\n1,b,6,4\n",
    "columns of one name": "userid,movieid,x,x\n3,2,a,b\n6,4,c,d\n",
    "a newline in a value": 'userid,movieid,note\n3,2,"a\nb"\n6,4,"say ""hi"""\n',
    "a quote in a value": 'userid,movieid,size\n3,2,5" disk\n6,4,x\n',
}


@pytest.mark.parametrize("target", ["scores.csv", "scores.parquet"])
@pytest.mark.parametrize("text", ODD_CSV.values(), ids=ODD_CSV)
def test_odd_but_valid_csv_is_scored(scorer: CheckpointModel, text: str, target: str) -> None:
    Path("pairs.csv").write_bytes(text.encode())
    Path("plain.csv").write_text("userid,movieid\n3,2\n6,4\n")
    assert score_file(scorer, Path("plain.csv"), Path("plain.parquet")) == 2
    assert score_file(scorer, Path("pairs.csv"), Path(target)) == 2
    table = csv.read_csv(target) if target.endswith("csv") else pq.ParquetFile(target).read()
    scores = pq.read_table("plain.parquet")["score"].to_numpy()
    assert table["score"].to_numpy() == pytest.approx(scores)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('userid,movieid,t\n3,2,"a\n6,4,c\n', "line 2: unexpected end of data; close the quotes"),
        ('userid,movieid,t\n3,2,"a\n6,4,"b"\n', "line 2: ',' expected after '\"'"),
        ('userid,movieid,t\n3,2,"a"b\n', "line 2: ',' expected after '\"'"),
        ("userid,movieid\n3,2\n".encode("utf-16"), "is not UTF-8 "),
        ("userid,movieid\n3,2\n".encode("utf-16-le"), "has NUL characters"),
        ("userid,movieid,n\n3,2,Caf\xe9\n".encode("latin-1"), "is not UTF-8 "),
        ("us\xe9rid,movieid\n3,2\n".encode("latin-1"), "is not UTF-8 "),
        ("", "cannot be read: it is empty; begin with a header"),
        ("\n\n", "cannot be read: it is empty; begin with a header"),
        ("a\x1b[31m,b\n", r"has the columns 'a\\x1b\[31m', b; exactly one must be userid"),
        (
            ",".join(map("c{}".format, range(100))),
            "has the columns c0, .*, c19 and 80 more; exactly",
        ),
        ("userid,movie\n3,2\n", "has the columns userid, movie; exactly one must be movieid"),
        ("userid,movieid,userid\n3,2,3\n", "has the columns .*; exactly one must be userid"),
        ("userid,movieid,score\n3,2,1\n", "already has a column score; rename it"),
        ("stars,userid,movieid\n5,3,2\n", "already has a column stars; rename it"),
    ],
)
def test_a_bad_csv_file_is_one_line(
    scorer: CheckpointModel, content: str | bytes, message: str
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    Path("pairs.csv").write_bytes(raw)
    with pytest.raises(InputError, match=f"pairs.csv {message}") as error:
        score_file(scorer, Path("pairs.csv"), Path("scores.csv"))
    assert "\n" not in str(error.value)
    assert not Path("scores.csv").exists()


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([["a"], []], "list<element: string>"),
        ([{"a": 1}, {"a": 2}], "struct<a: int64>"),
        ([b"\xff", b"a"], "binary"),
    ],
)
def test_a_column_that_csv_cannot_hold_is_kept_in_parquet(
    scorer: CheckpointModel, column: list, kind: str
) -> None:
    table = pa.table({"userid": [3, 6], "movieid": [2, 4], "x": column})
    pq.write_table(table, "pairs.parquet")
    message = re.escape(f"a CSV file cannot hold the column 'x' ({kind}); remove it, or write")
    with pytest.raises(InputError, match=message):
        score_file(scorer, Path("pairs.parquet"), Path("scores.csv"))
    score_file(scorer, Path("pairs.parquet"), Path("scores.parquet"))
    assert pq.read_table("scores.parquet")["x"].to_pylist() == column


def test_columns_of_one_name_are_kept_in_parquet(scorer: CheckpointModel) -> None:
    columns = [pa.array(values) for values in ([3, 6], [2, 4], [1, 2], ["a", "b"])]
    table = pa.Table.from_arrays(columns, names=["userid", "movieid", "x", "x"])
    pq.write_table(table, "pairs.parquet")
    score_file(scorer, Path("pairs.parquet"), Path("scores.parquet"))
    kept = pq.ParquetFile("scores.parquet").read()
    assert kept.column_names == ["userid", "movieid", "x", "x", "score", "stars"]
    assert [kept.column(i).to_pylist() for i in (2, 3)] == [[1, 2], ["a", "b"]]


def test_files_that_cannot_be_read_are_one_line(scorer: CheckpointModel) -> None:
    pq.write_table(pa.table({}), "empty.parquet")
    pq.write_table(pa.table({"userid": [3] * 999, "movieid": [2] * 999}), "damaged.parquet")
    content = bytearray(Path("damaged.parquet").read_bytes())
    content[4:60] = bytes(56)
    Path("damaged.parquet").write_bytes(content)
    Path("text.parquet").write_text("no")
    os.mkfifo("pipe.csv")
    Path("folder.csv").mkdir()
    for name, message in (
        ("empty.parquet", "has the columns none; exactly one must be userid"),
        ("damaged.parquet", "cannot be read: "),
        ("text.parquet", "cannot be read: "),
        ("missing.parquet", "cannot be read: "),
        ("missing.csv", "cannot be read: "),
        ("pipe.csv", "is not a regular file"),
        ("folder.csv", "is not a regular file"),
    ):
        with refused(f"{name} {message}"):
            score_file(scorer, Path(name), Path("scores.csv"))
    assert not Path("scores.csv").exists()
    for names in (("a.txt", "b.csv"), ("a.csv", "b")):
        with refused("must end in .parquet or .csv"):
            score_file(scorer, *map(Path, names))


def test_unknown_ids_can_be_scored(scorer: CheckpointModel) -> None:
    Path("pairs.csv").write_text("userid,movieid\n7,2\n-1,2\n3,999\n7,999\n3,2\n")
    score_file(scorer, Path("pairs.csv"), Path("scores.csv"), score_unknown=True)
    scores = pd.read_csv("scores.csv")["score"]
    assert scores[0] == scores[1]
    assert scores.nunique() == 4


@pytest.mark.parametrize("text", ["userid,movieid\n", "userid,movieid", "\n\nuserid,movieid\n\n"])
def test_a_file_without_rows_is_scored(scorer: CheckpointModel, text: str) -> None:
    Path("pairs.csv").write_text(text)
    assert score_file(scorer, Path("pairs.csv"), Path("scores.parquet")) == 0
    columns = ["userid", "movieid", "score", "stars"]
    assert pd.read_parquet("scores.parquet").columns.tolist() == columns
