from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.data.params import SplitParams
from recsys.data.split_files import Partitions
from recsys.data.splitting import require_times
from recsys.storage import parts, schemas
from recsys.storage.dimensions import write_dimensions
from recsys.storage.lineage import Lineage, read_lineage
from recsys.storage.parquet import (
    list_files,
    numbered,
    read_column,
    read_parquet,
    write_parquet,
)
from recsys.storage.partitions import find_stretch
from recsys.storage.parts import part_path
from recsys.storage.schemas import PARTS
from tests.engine.engines import ENGINES, use_engine
from tests.pairs import assign_all, make_pairs
from tests.prepared import encode_toy, split_encoded
from tests.tables import make_many
from tests.toy import Toy, make_toy


def make_params(method: str = "random", seed: int = 42, min_history: int = 0) -> SplitParams:
    return SplitParams(
        method=method, min_history=min_history, train=0.8, validation=0.1, test=0.1, seed=seed
    )


def make_ratings(rows: int = 1000) -> pd.DataFrame:
    """Ratings in the order of user and time. The rating is the row number, which names the row."""
    rng = np.random.default_rng(1)
    columns = {name: rng.integers(0, most, rows) for name, most in (("user", 300), ("movie", 300))}
    columns["timestamp"] = rng.integers(0, 50, rows)
    frame = pd.DataFrame(columns).sort_values(["user", "timestamp", "movie"], ignore_index=True)
    return frame.assign(
        rating=np.arange(rows, dtype=np.float32), rating_norm=np.float32(0), label=np.int8(0)
    )


def write_ratings(ratings: pd.DataFrame, folder: Path, partitions: int = 1) -> None:
    """Write the tables of users, movies and ratings as the stage encode does."""
    dimensions = make_many(300, 300)
    write_dimensions(dimensions.tables, dimensions.vocabulary, folder)
    metadata = Lineage(dimensions.vocabulary.ids).to_metadata()
    for number in range(partitions):
        first, stop = find_stretch(number, partitions, 300)
        rows = ratings[ratings["user"].between(first, stop - 1)]
        path = folder / "ratings" / numbered(number)
        write_parquet(rows, path, schemas.RATINGS, metadata)


def split(
    folder: Path, ratings: pd.DataFrame, params: SplitParams, partitions: int = 1
) -> dict[str, pd.DataFrame]:
    """The parts, each in the order of the keys, of ratings that are split in `folder`."""
    write_ratings(ratings, folder / "encoded", partitions)
    split_encoded(folder / "encoded", folder / "split", **params.model_dump())
    return {
        name: read_parquet(part_path(folder / "split", name), schemas.PART)
        .to_pandas()
        .sort_values("row", ignore_index=True)
        for name in PARTS
    }


@pytest.mark.parametrize("method", ["random", "chronological"])
@pytest.mark.parametrize("rows", [100, 999, 1003])
def test_every_row_is_in_exactly_one_part(tmp_path: Path, method: str, rows: int) -> None:
    parts = split(tmp_path, make_ratings(rows), make_params(method))
    assert sorted(np.concatenate([part["rating"] for part in parts.values()])) == list(range(rows))
    assignment = read_column(tmp_path / "split/assignment", schemas.ASSIGNMENT, "part")
    for place, part in enumerate(parts.values()):
        assert part["row"].tolist() == part["rating"].astype(int).tolist()
        assert part["row"].tolist() == np.flatnonzero(assignment == place).tolist()


@pytest.mark.parametrize("seed", [1, 2, 42])
def test_the_sizes_of_a_random_split_are_the_fractions_but_for_sampling(seed: int) -> None:
    pairs = make_pairs(make_ratings(20_000).drop_duplicates(["user", "movie"]))
    sizes = np.bincount(assign_all(pairs, make_params(seed=seed)))
    expected = np.array([0.8, 0.1, 0.1])
    errors = np.sqrt(expected * (1 - expected) * len(pairs.user))
    assert (np.abs(sizes - expected * len(pairs.user)) < 4 * errors).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", ["random", "chronological", "leave_last"])
def test_any_number_of_partitions_gives_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, engine: str
) -> None:
    if engine == "spark" and method != "chronological":
        pytest.skip("slow; one method says it")
    monkeypatch.setattr(parts, "ROWS_IN_SHARD", 100)
    params = make_params(method, min_history=1)
    split(tmp_path / "one", make_ratings(), params)
    use_engine(engine, monkeypatch, workers=1)
    names = [p.relative_to(tmp_path / "one/split") for p in (tmp_path / "one/split").rglob("*.*")]
    names = [name for name in names if name.parts[0] != "assignment"]
    shards = [name for name in names if name.parts[0] == "train"]
    assert len(shards) > 1
    for partitions in (3, 8):
        folder = tmp_path / f"{partitions}"
        split(folder, make_ratings(), params, partitions)
        for name in names:
            one, many = (root / "split" / name for root in (tmp_path / "one", folder))
            assert one.read_bytes() == many.read_bytes(), name


def test_shards_are_random_samples_of_the_training_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROWS_IN_SHARD", 2000)
    split(tmp_path, make_ratings(10_000), make_params())
    shards = [read_parquet(f, schemas.PART) for f in list_files(tmp_path / "split/train")]
    assert len(shards) == 5
    for shard in shards:
        rows = shard["row"].to_numpy()
        assert abs(len(rows) - 1600) < 5 * 40
        # The mean of a stretch is that of all rows, within five deviations.
        for stretch in (rows[:400], rows[-400:]):
            assert abs(stretch.mean() - 5000) < 5 * 10_000 / np.sqrt(12 * 400)


def assign_toy(toy: Toy, folder: Path) -> dict[tuple[int, int], int]:
    """The part of each pair of raw ids."""
    partitions = Partitions.open(encode_toy(toy, folder))
    pairs = partitions.pairs(0, partitions.read(0))
    users, movies = (pairs.raw_ids[name] for name in ("users", "movies"))
    keys = zip(users[pairs.user].tolist(), movies[pairs.movie].tolist(), strict=True)
    return dict(zip(keys, assign_all(pairs, make_params()).tolist(), strict=True))


def test_with_more_data_every_rating_keeps_its_part(tmp_path: Path) -> None:
    """New users and movies lie between the old ones, so the rows of all tables move."""
    today, other = make_toy(), make_toy(seed=5)
    before = assign_toy(today, tmp_path / "today")
    shift = 1_000_000
    tomorrow = replace(
        today,
        users=[*today.users, (1, "F", 25, "artist", "123"), (shift, "M", 35, "writer", "4")],
        movies=[*today.movies, (1, "First (1999)", ["Drama"])],
        ratings=[
            *((1, movie, stars, seconds - shift) for _, movie, stars, seconds in other.ratings[:1]),
            *today.ratings[::-1],
            *((user, 1, 3, 10**9 + user) for user, *_ in today.users),
            (shift, 1, 5, 10**9 + shift),
        ],
    )
    after = assign_toy(tomorrow, tmp_path / "tomorrow")
    assert len(after) == len(before) + len(today.users) + 2
    assert {pair: after[pair] for pair in before} == before


def test_the_seed_determines_the_result(tmp_path: Path) -> None:
    ratings = make_ratings()
    first, again = (split(tmp_path, ratings, make_params()) for _ in range(2))
    other = split(tmp_path, ratings, make_params(seed=43))
    for name in PARTS:
        pd.testing.assert_frame_equal(first[name], again[name])
    assert not np.array_equal(first["test"]["rating"], other["test"]["rating"])
    assert abs(first["train"]["rating"].mean() - 500) < 30


@pytest.mark.parametrize("rows", [20, 100, 997, 1000])
def test_a_chronological_cut_lies_between_two_seconds(rows: int) -> None:
    pairs = make_pairs(make_ratings(rows))
    assignment = assign_all(pairs, make_params("chronological"))
    seconds = np.sort(pairs.seconds)
    assert (np.diff(assignment[np.argsort(pairs.seconds, kind="stable")]) >= 0).all()
    for second in np.unique(pairs.seconds):
        assert len(set(assignment[pairs.seconds == second])) == 1
    # The second at the ideal cut goes to the later part.
    for part, end in ((1, 0.8), (2, 0.9)):
        first = seconds[round(end * rows)]
        assert assignment[pairs.seconds == first].min() >= part
        assert (assignment[pairs.seconds < first] < part).all()


def test_a_chronological_cut_by_hand() -> None:
    columns = {"user": range(10), "movie": range(10), "timestamp": [1, 2, 3, 4, 5, 6, 7, 7, 7, 8]}
    params = make_params("chronological")
    assert assign_all(make_pairs(columns), params).tolist() == [0] * 6 + [1] * 3 + [2]
    columns["timestamp"] = [1, 2, 3, 4, 5, 6, 7, 7, 7, 7]
    with pytest.raises(InputError, match=r"split\.validation: none of 10 ratings is in this part"):
        assign_all(make_pairs(columns), params)
    params = params.model_copy(update={"train": 0.5, "validation": 0.3, "test": 0.2})
    expected = [0] * 5 + [1] + [2] * 4
    assert assign_all(make_pairs(columns), params).tolist() == expected


def test_training_ratings_are_counted(tmp_path: Path) -> None:
    training = split(tmp_path, make_ratings(), make_params())["train"]
    for name, column in (("users", "user"), ("movies", "movie")):
        path = tmp_path / f"split/counts/{name}.parquet"
        counted = read_column(path, schemas.COUNTS, "training_ratings")
        assert counted.tolist() == np.bincount(training[column], minlength=300).tolist()


@pytest.mark.parametrize(
    ("method", "past_only"), [("random", False), ("chronological", True), ("leave_last", True)]
)
def test_all_files_of_a_split_have_its_lineage(
    tmp_path: Path, method: str, past_only: bool
) -> None:
    split(tmp_path, make_ratings(), make_params(method))
    folder = tmp_path / "split"
    paths = [folder / "assignment", *(part_path(folder, name) for name in PARTS)]
    paths += [folder / "counts/users.parquet", folder / "counts/movies.parquet"]
    first, *others = (read_lineage(path, "split") for path in paths)
    assert others == [first] * 5
    assert (first.past_only, first.fitted) == (past_only, None)
    split(tmp_path, make_ratings(), make_params(method, min_history=1))
    assert read_lineage(folder / "test.parquet", "split").split != first.split


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


@pytest.mark.parametrize("method", ["random", "chronological", "leave_last"])
def test_an_empty_part_is_reported(method: str) -> None:
    pairs = make_pairs(make_ratings(2))
    with pytest.raises(InputError, match=r"split\.\w+: none of 2 ratings is in this part"):
        assign_all(pairs, make_params(method))
    with pytest.raises(InputError, match=r"split\.train: none of 0.*\(now 99\)"):
        assign_all(pairs, make_params(method, min_history=99))


@pytest.mark.parametrize("method", ["random", "chronological", "leave_last"])
def test_a_split_by_time_needs_two_times(method: str) -> None:
    params = make_params(method)
    require_times(7, 8, params)
    if method == "random":
        require_times(7, 7, params)
    else:
        with pytest.raises(InputError, match=f"split.method = {method}: all ratings have the same"):
            require_times(7, 7, params)
