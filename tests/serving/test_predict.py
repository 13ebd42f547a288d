from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recsys.common.errors import InputError
from recsys.dataloader.pairs import find_rows
from recsys.serving import streams
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.predict import score_file
from tests.runs import NEW_USER, Run

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
def scorer(run: Run) -> PairScorer:
    return PairScorer(run.checkpoint)


@pytest.mark.parametrize("source", [".parquet", ".csv"])
@pytest.mark.parametrize("target", [".parquet", ".csv"])
def test_the_score_is_added_as_the_last_column(
    scorer: PairScorer, source: str, target: str
) -> None:
    pairs, scores = Path(f"pairs{source}"), Path(f"scores{target}")
    WRITE[source](PAIRS, pairs)
    assert score_file(scorer, pairs, scores) == 5
    table = READ[target](scores)
    assert table.columns.tolist() == ["note", "userid", "weight", "movieid", "score"]
    kept = table.drop(columns="score").astype({"weight": float})
    pd.testing.assert_frame_equal(kept, PAIRS)
    users = find_rows(torch.tensor(PAIRS["userid"]), scorer.userids)
    movies = find_rows(torch.tensor(PAIRS["movieid"]), scorer.movieids)
    expected = scorer.score(users, movies)
    assert table["score"].to_numpy("float32").tolist() == expected.tolist()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_reading_in_pieces_changes_no_score(
    scorer: PairScorer, suffix: str, monkeypatch: pytest.MonkeyPatch
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
        (
            "7,2",
            r"row 4: userid = 7 is none of the 61 ids of the data set \(3 to 200\).*--unknown sc",
        ),
        ("3,1000", r"row 4: movieid = 1000 is none of the 42 ids of the data set \(2 to 102\)"),
        ("-3,2", "row 4: userid = -3 is none"),
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
    scorer: PairScorer, row: str, message: str, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
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
        ([[3], [6]], r"row 1: userid = \[3\] is not"),
    ],
)
def test_a_bad_value_of_any_type_is_named(scorer: PairScorer, users: list, message: str) -> None:
    pq.write_table(pa.table({"userid": users, "movieid": [2] * len(users)}), "pairs.parquet")
    with pytest.raises(InputError, match=message):
        score_file(scorer, Path("pairs.parquet"), Path("scores.parquet"))


def test_unknown_ids_can_be_scored(scorer: PairScorer) -> None:
    Path("pairs.csv").write_text("userid,movieid\n7,2\n-1,2\n3,999\n7,999\n3,2\n")
    score_file(scorer, Path("pairs.csv"), Path("scores.csv"), score_unknown=True)
    scores = pd.read_csv("scores.csv")["score"]
    assert scores[0] == scores[1]
    assert scores.nunique() == 4


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("userid,movie", "has the columns userid, movie; exactly one must be movieid"),
        ("userid,movieid,userid", "exactly one must be userid"),
        ("userid,movieid,score", "already has a column score; rename it"),
    ],
)
def test_bad_columns_are_refused(scorer: PairScorer, header: str, message: str) -> None:
    Path("pairs.csv").write_text(f"{header}\n3,2,1\n")
    with pytest.raises(InputError, match=message):
        score_file(scorer, Path("pairs.csv"), Path("scores.csv"))


def test_bad_files_are_refused(scorer: PairScorer) -> None:
    Path("empty.csv").write_text("")
    Path("damaged.parquet").write_text("no")
    for name in ("missing.csv", "missing.parquet", "empty.csv", "damaged.parquet"):
        with pytest.raises(InputError, match=f"{name} cannot be read: ") as error:
            score_file(scorer, Path(name), Path("scores.csv"))
        assert "\n" not in str(error.value)
    for names in (("a.txt", "b.csv"), ("a.csv", "b")):
        with pytest.raises(InputError, match=r"must end in \.parquet or \.csv"):
            score_file(scorer, *map(Path, names))


def test_a_file_without_rows_is_scored(scorer: PairScorer) -> None:
    Path("pairs.csv").write_text("userid,movieid\n")
    assert score_file(scorer, Path("pairs.csv"), Path("scores.parquet")) == 0
    assert pd.read_parquet("scores.parquet").columns.tolist() == ["userid", "movieid", "score"]
