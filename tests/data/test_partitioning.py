"""Ratings in partitions of users."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.data.presets import preset
from recsys.engine import local
from recsys.storage import parquet, schemas
from recsys.storage.parquet import list_files, read_parquet
from tests.conftest import unpinned
from tests.engine.engines import ENGINES, use_engine
from tests.raw import encode_raw
from tests.toy import Toy, write_dat

SCHEMA = preset(unpinned("ml-1m"))


def test_ratings_keep_their_meaning(tmp_path: Path, toy: Toy) -> None:
    read = encode_raw(write_dat(toy, tmp_path / "raw"), SCHEMA, tmp_path / "encoded")
    ratings = read.ratings
    ids = pd.DataFrame(
        {
            "user": read.users["raw_userid"].to_numpy()[ratings["user"]],
            "movie": read.movies["raw_movieid"].to_numpy()[ratings["movie"]],
            "rating": ratings["rating"].astype(int),
            "timestamp": ratings["timestamp"],
        }
    )
    assert sorted(ids.itertuples(index=False, name=None)) == sorted(toy.ratings)
    assert ratings["label"].tolist() == [int(rating > 3) for rating in ratings["rating"]]
    assert ratings["rating_norm"].tolist() == [(rating - 1) / 4 for rating in ratings["rating"]]
    key = ["user", "timestamp", "movie"]
    pd.testing.assert_frame_equal(ratings, ratings.sort_values(key, ignore_index=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_any_number_of_partitions_has_the_same_rows(
    tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    raw = write_dat(toy, tmp_path / "raw")
    one = encode_raw(raw, SCHEMA, tmp_path / "one")
    use_engine(engine, monkeypatch)
    for partitions in (3, 8, 100) if engine == "local" else (3,):
        folder = tmp_path / f"{partitions}"
        many = encode_raw(raw, SCHEMA, folder, partitions=partitions)
        pd.testing.assert_frame_equal(one.ratings, many.ratings)
        assert one.notes == many.notes
        files = list_files(folder / "ratings")
        users = [set(read_parquet(f, schemas.RATINGS)["user"].to_pylist()) for f in files]
        assert len(files) == partitions
        assert sum(map(len, users)) == len(set.union(*users))
        for name in ("users.parquet", "movies.parquet", "vocabulary.json"):
            assert (tmp_path / "one" / name).read_bytes() == (folder / name).read_bytes()


def test_repeats_are_found_in_any_partition(tmp_path: Path, toy: Toy) -> None:
    raw = write_dat(toy, tmp_path / "raw")
    lines = (raw / "ratings.dat").read_text().splitlines(keepends=True)
    again = sorted(lines, key=lambda line: -int(line.split("::")[0]))[:3]
    (raw / "ratings.dat").write_text("".join([*lines, *again]))
    message = rf"ratings.dat line {len(lines) + 1}: userid .* \(and 2 more lines repeat a pair\)"
    for partitions in (1, 3):
        with pytest.raises(InputError, match=message):
            encode_raw(raw, SCHEMA, tmp_path / str(partitions), partitions=partitions)


def test_ratings_with_some_stars_are_dropped(tmp_path: Path, toy: Toy) -> None:
    raw = write_dat(toy, tmp_path / "raw")
    every = encode_raw(raw, SCHEMA, tmp_path / "every")
    kept = encode_raw(raw, SCHEMA, tmp_path / "kept", drop_ratings=(1.0, 3.0))
    stars = every.ratings["rating"]
    expected = every.ratings[(stars != 1) & (stars != 3)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept.ratings, expected)
    pd.testing.assert_frame_equal(kept.users, every.users)
    with pytest.raises(InputError, match=r"encode\.drop_ratings: no rating has 2\.5 stars"):
        encode_raw(raw, SCHEMA, tmp_path / "wrong", drop_ratings=(1.0, 2.5))
    with pytest.raises(InputError, match=r"drop_ratings = \[.*\]: no rating would be left"):
        encode_raw(raw, SCHEMA, tmp_path / "none", drop_ratings=tuple(stars.unique().tolist()))


def test_each_rating_of_half_stars_is_labelled_and_dropped_by_its_step(tmp_path: Path) -> None:
    stars = np.arange(0.5, 5.1, 0.5)
    lines = "".join(f"1,{movie},{s},1000000000\n" for movie, s in enumerate(stars, 1))
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + lines)
    titles = "".join(f"{movie},Title (2000),Drama\n" for movie in range(1, 11))
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n" + titles)
    for threshold in stars:
        read = encode_raw(
            tmp_path,
            preset(unpinned("ml-25m")),
            tmp_path / f"{threshold}",
            label_threshold=float(threshold),
            drop_ratings=(float(threshold),),
        )
        assert read.ratings["movie"].tolist() == [m for m in range(10) if stars[m] != threshold]
        left = stars[stars != threshold]
        assert read.ratings["label"].tolist() == (left > threshold).astype(int).tolist()


def test_files_are_read_in_pieces(
    tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_dat(toy, tmp_path / "raw")
    whole = encode_raw(raw, SCHEMA, tmp_path / "whole")
    monkeypatch.setattr("recsys.data.files.delimited.BLOCK_BYTES", 1000)
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 400)
    monkeypatch.setattr(local, "ROWS_IN_GROUP", 300)
    pieces = encode_raw(raw, SCHEMA, tmp_path / "pieces", partitions=2)
    pd.testing.assert_frame_equal(pieces.ratings, whole.ratings)
    message = "ratings.dat line 1501: rating = 'x' is not a number"
    with (raw / "ratings.dat").open("a") as file:
        file.write("1::2::x::1000000000\n")
    with pytest.raises(InputError, match=message):
        encode_raw(raw, SCHEMA, tmp_path / "wrong")
