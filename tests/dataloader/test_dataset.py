from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader
from torchrec.datasets.utils import Batch

from recsys.common.errors import InputError
from recsys.dataloader.dataset import MovieLensDataset, batches, collate_fn
from recsys.storage import schemas
from recsys.storage.registry import FeatureParams

GENRES = [[0], [], [2, 1, 3], [1, 2]]
USERS = pa.table(
    {
        "userid": [1, 2, 3],
        "raw_userid": [5, 6, 7],
        "gender": [0.0, 1.0, 0.5],
        "age": [1, 2, 3],
        "occupation": ["a", "b", "c"],
        "zip": ["0", "1", "2"],
        "age_code": [0, 1, 2],
        "occupation_code": [2, 1, 0],
        "zip_code": [1, 1, 0],
    },
    schemas.USERS,
)
MOVIES = pa.table(
    {
        "movieid": [1, 2, 3, 4],
        "raw_movieid": [5, 6, 7, 8],
        "title": ["a", "b", "c", "d"],
        "year": [None, 2000, 2001, 2002],
        "period_code": [1, 0, 0, 0],
        "genres": GENRES,
    },
    schemas.MOVIES,
)
# The second row's user and the last row's movie are not in the training part.
PART = pa.table(
    {
        "user_row": [0, 1, 2, 0, 2],
        "movie_row": [2, 1, 0, 3, 2],
        "userid": [1, 0, 3, 1, 3],
        "movieid": [3, 2, 1, 4, 0],
        "rating": [5.0, 4.0, 3.0, 2.0, 1.0],
        "rating_norm": [1.0, 0.75, 0.5, 0.25, 0.0],
        "label": [1, 1, 0, 0, 0],
        "timestamp": [1, 2, 3, 4, 5],
    },
    schemas.PART,
)


def write_tables(folder: Path) -> list[Path]:
    """The part, the users and the movies as files."""
    paths = [folder / "part.parquet", folder / "users.parquet", folder / "movies.parquet"]
    for table, path in zip((PART, USERS, MOVIES), paths, strict=True):
        pq.write_table(table, path)
    return paths


@pytest.fixture
def dataset(tmp_path: Path) -> MovieLensDataset:
    return MovieLensDataset(*write_tables(tmp_path), "label")


# All there is; the third row's own entry in the log of likes is the one at 1.
FEATURES = FeatureParams(
    sparse=("zip", "userid", "liked", "movieid", "genres", "age", "occupation", "period"),
    dense=("user", "gender"),
    history_length=3,
)
DESCRIBED = pa.table(
    {
        "user_count": [0.0, 0.1, 0.2, 0.3, 0.4],
        "user_mean": [1.0, 1.1, 1.2, 1.3, 1.4],
        "liked_start": [0, 3, 0, 1, 2],
        "liked_length": [2, 0, 3, 1, 2],
        "liked_skip": [-1, -1, 1, -1, 2],
    },
    schemas.features(["user_count", "user_mean"], ["liked"]),
)


def write_described(folder: Path) -> Path:
    """What the stage features would write about the part."""
    folder.mkdir()
    pq.write_table(DESCRIBED, folder / "part.parquet")
    pq.write_table(pa.table({"movieid": [4, 3, 2, 1]}, schemas.LOG), folder / "liked.parquet")
    return folder


@pytest.fixture
def full(tmp_path: Path) -> MovieLensDataset:
    described = write_described(tmp_path / "features")
    return MovieLensDataset(*write_tables(tmp_path), "label", FEATURES, described)


def test_all_features_by_hand(full: MovieLensDataset) -> None:
    item = {name: value.tolist() for name, value in full[2].items()}
    assert item == {
        "userid": 3,
        "movieid": 1,
        "liked": [4, 2],
        "genres": [0],
        "age": 2,
        "occupation": 0,
        "zip": 0,
        "period": 1,
        "gender": 0.5,
        "user_count": pytest.approx(0.2),
        "user_mean": pytest.approx(1.2),
        "label": 0.0,
    }
    assert [full[row]["liked"].tolist() for row in range(5)] == [[4, 3], [], [4, 2], [3], [1]]


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 2, 2], [1]])
def test_a_batch_of_all_features_equals_its_items(full: MovieLensDataset, rows: list[int]) -> None:
    assert_equal(collate_fn(full.__getitems__(rows)), collate_fn([full[row] for row in rows]))


def test_a_share_has_every_other_row(tmp_path: Path) -> None:
    described = write_described(tmp_path / "features")
    args = (*write_tables(tmp_path), "label", FEATURES, described)
    whole, half = MovieLensDataset(*args), MovieLensDataset(*args, share=(1, 2))
    assert_equal(collate_fn(whole.__getitems__([1, 3])), collate_fn(half.__getitems__([0, 1])))


def test_features_that_were_not_made_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no statistics or histories.*dvc repro features"):
        MovieLensDataset(*write_tables(tmp_path), "label", FEATURES, tmp_path / "nowhere")


def assert_equal(left: Batch, right: Batch) -> None:
    assert torch.equal(left.dense_features, right.dense_features)
    assert torch.equal(left.labels, right.labels)
    assert left.sparse_features.keys() == right.sparse_features.keys()
    assert torch.equal(left.sparse_features.values(), right.sparse_features.values())
    assert torch.equal(left.sparse_features.lengths(), right.sparse_features.lengths())


def test_an_item_is_the_dict_of_the_description(dataset: MovieLensDataset) -> None:
    item = dataset[0]
    assert list(item) == ["userid", "movieid", "genres", "gender", "label"]
    assert {name: value.tolist() for name, value in item.items()} == {
        "userid": 1,
        "movieid": 3,
        "genres": [2, 1, 3],
        "gender": 0.0,
        "label": 1.0,
    }
    assert [value.dtype for value in item.values()] == [torch.long] * 3 + [torch.float] * 2
    assert len(dataset) == 5
    with pytest.raises(IndexError):
        dataset[5]


def test_unknown_ids_keep_their_gender_and_genres(dataset: MovieLensDataset) -> None:
    assert (dataset[1]["userid"], dataset[1]["gender"]) == (0, 1.0)
    assert (dataset[4]["movieid"], dataset[4]["genres"].tolist()) == (0, [2, 1, 3])
    assert dataset[1]["genres"].tolist() == []


def test_a_batch_by_hand(dataset: MovieLensDataset) -> None:
    batch = collate_fn(dataset.__getitems__([0, 1, 4]))
    assert batch.dense_features.tolist() == [[0.0], [1.0], [0.5]]
    assert batch.labels.tolist() == [1.0, 1.0, 0.0]
    features = batch.sparse_features.to_dict()
    assert list(features) == ["userid", "movieid", "genres"]
    assert [v.tolist() for v in features["userid"].to_dense()] == [[1], [0], [3]]
    assert [v.tolist() for v in features["movieid"].to_dense()] == [[3], [2], [0]]
    assert [v.tolist() for v in features["genres"].to_dense()] == [[2, 1, 3], [], [2, 1, 3]]
    assert batch.sparse_features.values().dtype == torch.long


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 0, 0], [1], [1, 1]])
def test_a_batch_equals_its_items_collated(dataset: MovieLensDataset, rows: list[int]) -> None:
    whole = collate_fn(dataset.__getitems__(torch.tensor(rows)))
    assert_equal(whole, collate_fn([dataset[row] for row in rows]))


def test_batches_are_those_of_a_data_loader(dataset: MovieLensDataset) -> None:
    loader = DataLoader(dataset, batch_size=2, collate_fn=collate_fn)
    ours = list(batches(dataset, 2))
    assert [len(batch.labels) for batch in ours] == [2, 2, 1]
    for left, right in zip(ours, loader, strict=True):
        assert_equal(left, right)


def test_a_shuffle_sees_every_row_once_and_follows_its_seed(tmp_path: Path) -> None:
    def epoch(seed: int) -> list[float]:
        shuffle = torch.Generator().manual_seed(seed)
        return [x for batch in batches(targets, 2, shuffle) for x in batch.labels.tolist()]

    targets = MovieLensDataset(*write_tables(tmp_path), "rating_norm")
    assert epoch(1) == epoch(1)
    assert sorted(epoch(1)) == [0, 0.25, 0.5, 0.75, 1]
    assert len({tuple(epoch(seed)) for seed in range(10)}) > 1
