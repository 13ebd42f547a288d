import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.params import SplitParams
from recsys.splits import PARTS, split_ratings


def make_params(method: str = "random", seed: int = 42) -> SplitParams:
    return SplitParams(method=method, train=0.8, validation=0.1, test=0.1, seed=seed)


def make_ratings(rows: int = 1000) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "userid": rng.integers(1, 300, rows),
            "movieid": rng.integers(1, 300, rows),
            "timestamp": rng.integers(0, 50, rows),
            "row": np.arange(rows),
        }
    )


@pytest.mark.parametrize("method", ["random", "chronological"])
@pytest.mark.parametrize("rows", [10, 999, 1000, 1003])
def test_every_row_is_in_exactly_one_part(method: str, rows: int) -> None:
    parts = split_ratings(make_ratings(rows), make_params(method))
    assert tuple(parts) == PARTS
    assert sorted(np.concatenate([part["row"] for part in parts.values()])) == list(range(rows))
    for part, share in zip(parts.values(), (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) - share * rows) <= 1
        assert part["row"].is_monotonic_increasing or method == "chronological"


def test_the_seed_decides() -> None:
    ratings = make_ratings()
    first, again = (split_ratings(ratings, make_params()) for _ in range(2))
    other = split_ratings(ratings, make_params(seed=43))
    for name in PARTS:
        pd.testing.assert_frame_equal(first[name], again[name])
    assert not np.array_equal(first["test"]["row"], other["test"]["row"])
    assert abs(first["train"]["row"].mean() - 500) < 30


def test_chronological_parts_follow_each_other() -> None:
    parts = split_ratings(make_ratings(), make_params("chronological"))
    keys = [
        list(zip(part["timestamp"], part["user_row"], part["movie_row"], strict=True))
        for part in parts.values()
    ]
    assert max(keys[0]) <= min(keys[1])
    assert max(keys[1]) <= min(keys[2])


@pytest.mark.parametrize("method", ["random", "chronological"])
def test_who_is_not_in_training_is_unknown_elsewhere(method: str) -> None:
    ratings = make_ratings()
    parts = split_ratings(ratings, make_params(method))
    unknown = 0
    for name, part in parts.items():
        for key, row in (("userid", "user_row"), ("movieid", "movie_row")):
            raw = ratings[key].to_numpy()[part["row"]]
            known = np.isin(raw, ratings[key].to_numpy()[parts["train"]["row"]])
            assert part[key].tolist() == np.where(known, raw, 0).tolist()
            assert part[row].tolist() == (raw - 1).tolist()
            unknown += (~known).sum()
            assert known.all() or name != "train"
    assert unknown > 0


def test_an_empty_part_is_told() -> None:
    with pytest.raises(InputError, match=r"split\.test: this share of 4 ratings is no row"):
        split_ratings(make_ratings(4), make_params())
