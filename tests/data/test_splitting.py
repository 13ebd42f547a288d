from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.data.params import SplitParams
from recsys.data.splitting import (
    assign_parts,
    count_training,
    describe_split,
    require_times,
    write_parts,
)
from recsys.storage import parquet, schemas
from recsys.storage.lineage import read_lineage
from recsys.storage.parquet import read_parquet, write_parquet
from recsys.storage.schemas import PARTS


def make_params(method: str = "random", seed: int = 42, min_history: int = 0) -> SplitParams:
    return SplitParams(
        method=method, min_history=min_history, train=0.8, validation=0.1, test=0.1, seed=seed
    )


def make_ratings(rows: int = 1000) -> pd.DataFrame:
    """Ratings in the order of time. The rating is the row number, which identifies the row."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 300, rows),
            "movie": rng.integers(0, 300, rows),
            "timestamp": np.sort(rng.integers(0, 50, rows)),
            "rating": np.arange(rows, dtype=np.float32),
            "rating_norm": np.float32(0),
            "label": np.int8(0),
        }
    )


def split(folder: Path, ratings: pd.DataFrame, params: SplitParams) -> dict[str, pd.DataFrame]:
    write_parquet(ratings, folder / "ratings", schemas.RATINGS)
    assignment = assign_parts(ratings["user"].to_numpy(), params)
    write_parts(folder / "ratings", assignment, folder, describe_split(assignment, params, "ids"))
    return {
        name: read_parquet(folder / f"{name}.parquet", schemas.PART).to_pandas() for name in PARTS
    }


@pytest.mark.parametrize("method", ["random", "chronological"])
@pytest.mark.parametrize("rows", [10, 999, 1000, 1003])
def test_every_row_is_in_exactly_one_part(tmp_path: Path, method: str, rows: int) -> None:
    parts = split(tmp_path, make_ratings(rows), make_params(method))
    assert sorted(np.concatenate([part["rating"] for part in parts.values()])) == list(range(rows))
    for part, share in zip(parts.values(), (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) - share * rows) <= 1
        assert part["rating"].is_monotonic_increasing


def test_splitting_in_pieces_gives_the_same_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = split(tmp_path, make_ratings(), make_params())
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 300)
    pieces = split(tmp_path, make_ratings(), make_params())
    for name in PARTS:
        pd.testing.assert_frame_equal(whole[name], pieces[name])


def test_the_seed_determines_the_result(tmp_path: Path) -> None:
    ratings = make_ratings()
    first, again = (split(tmp_path, ratings, make_params()) for _ in range(2))
    other = split(tmp_path, ratings, make_params(seed=43))
    for name in PARTS:
        pd.testing.assert_frame_equal(first[name], again[name])
    assert not np.array_equal(first["test"]["rating"], other["test"]["rating"])
    assert abs(first["train"]["rating"].mean() - 500) < 30


def test_chronological_parts_follow_each_other(tmp_path: Path) -> None:
    parts = split(tmp_path, make_ratings(), make_params("chronological"))
    # The rows are in the order of time, and the rating is the row number.
    assert parts["train"]["rating"].max() < parts["validation"]["rating"].min()
    assert parts["validation"]["rating"].max() < parts["test"]["rating"].min()


def test_the_row_is_the_key(tmp_path: Path) -> None:
    for part in split(tmp_path, make_ratings(), make_params()).values():
        assert part["row"].tolist() == part["rating"].astype(int).tolist()


def test_training_ratings_are_counted() -> None:
    assignment = np.array([0, 0, 1, 0, 2, -1], np.int8)
    rows = np.array([1, 1, 0, 3, 3, 1])
    assert count_training(rows, assignment, 5).tolist() == [0, 2, 0, 1, 0]


@pytest.mark.parametrize(
    ("method", "past_only"), [("random", False), ("chronological", True), ("leave_last", True)]
)
def test_all_files_of_a_split_have_its_lineage(
    tmp_path: Path, method: str, past_only: bool
) -> None:
    split(tmp_path, make_ratings(), make_params(method))
    first, *others = (read_lineage(tmp_path / f"{name}.parquet", "split") for name in PARTS)
    assert others == [first, first]
    assert (first.ids, first.past_only, first.fitted) == ("ids", past_only, None)
    split(tmp_path, make_ratings(), make_params(method, min_history=1))
    assert read_lineage(tmp_path / "test.parquet", "split").split != first.split


@pytest.mark.parametrize("min_history", [0, 1, 2])
def test_leave_last_tests_on_the_last_rating_of_each_user(tmp_path: Path, min_history: int) -> None:
    ratings = make_ratings()
    parts = split(tmp_path, ratings, make_params("leave_last", min_history=min_history))
    for _, group in ratings.groupby("user"):
        rows = group["rating"].tolist()[min_history:]
        expected = [rows[:-2], rows[-2:-1], rows[-1:]] if len(rows) > 2 else [rows, [], []]
        for part, mine in zip(parts.values(), expected, strict=True):
            assert part["rating"][part["rating"].isin(group["rating"])].tolist() == mine


@pytest.mark.parametrize("method", ["random", "chronological"])
def test_the_first_ratings_of_each_user_are_in_no_part(tmp_path: Path, method: str) -> None:
    ratings = make_ratings()
    parts = split(tmp_path, ratings, make_params(method, min_history=2))
    left = sorted(np.concatenate([part["rating"] for part in parts.values()]))
    assert left == sorted(ratings[ratings.groupby("user").cumcount() >= 2]["rating"])


def test_an_empty_part_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"split\.test: this share of 4 ratings is empty"):
        split(tmp_path, make_ratings(4), make_params())
    with pytest.raises(InputError, match=r"split\.train: this share of 0.*\(now 99\)"):
        split(tmp_path, make_ratings(4), make_params(min_history=99))


@pytest.mark.parametrize("method", ["random", "chronological", "leave_last"])
def test_a_split_by_time_needs_two_times(method: str) -> None:
    params = make_params(method)
    require_times(np.array([7, 8]), params)
    require_times(np.array([], int), params)
    if method == "random":
        require_times(np.array([7, 7]), params)
    else:
        with pytest.raises(InputError, match=f"split.method = {method}: all ratings have the same"):
            require_times(np.array([7, 7]), params)
