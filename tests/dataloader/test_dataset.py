from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

from recsys.common.errors import InputError
from recsys.dataloader.batch import Batch
from recsys.dataloader.dataset import MovieLensDataset, batches, collate_fn
from recsys.dataloader.pair_features import PairFeatures
from recsys.storage import schemas
from recsys.storage.parquet import write_parquet
from recsys.storage.registry import select_features
from tests.tables import LINEAGE, make_dimensions, write_part


@pytest.fixture
def dataset(tmp_path: Path) -> MovieLensDataset:
    return MovieLensDataset(write_part(tmp_path), make_dimensions())


# A feature of each kind. The third row's own entry is at position 1 of the log of likes.
FEATURES = select_features(
    ("userid", "movieid", "liked", "genres", "age", "occupation", "zip", "period", "gender", "user")
)
CUTS = (1.5, 2.5, 3.5, 4.5)
COMPUTED = pa.table(
    {
        "row": [0, 2, 3, 5, 9],
        "user_count": [0.0, 0.1, 0.2, 0.3, 0.4],
        "user_mean": [1.0, 1.1, 1.2, 1.3, 1.4],
        "liked_start": [0, 3, 0, 1, 2],
        "liked_length": [2, 0, 3, 1, 2],
        "liked_skip": [-1, -1, 1, -1, 2],
    },
    schemas.features({"user": ["user_count", "user_mean"]}, ["liked"]),
)


def write_computed(folder: Path, computed: pa.Table = COMPUTED, **changes: str) -> Path:
    """Write what the stage features would write for the part."""
    metadata = replace(LINEAGE, **{"fitted": "fitted"} | changes).to_metadata()
    write_parquet(computed, folder / "part.parquet", computed.schema, metadata)
    log = pa.table({"movie": [3, 2, 1, 0]}, schemas.HISTORY_LOG)
    write_parquet(log, folder / "liked.parquet", schemas.HISTORY_LOG, metadata)
    return folder


def make_full(folder: Path, **options: Any) -> MovieLensDataset:
    """A dataset with all of `FEATURES`."""
    computed = write_computed(folder / "features")
    part = write_part(folder)
    return MovieLensDataset(part, make_dimensions(), FEATURES, computed, **options)


@pytest.fixture
def full(tmp_path: Path) -> MovieLensDataset:
    return make_full(tmp_path)


@pytest.fixture
def starred(tmp_path: Path) -> MovieLensDataset:
    """With a label for each threshold of whole stars."""
    return MovieLensDataset(write_part(tmp_path), make_dimensions(), thresholds=CUTS)


def test_a_row_has_a_label_for_each_threshold(starred: MovieLensDataset) -> None:
    """The ratings are 5, 4, 3, 2 and 1."""
    labels = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert starred.labels.tolist() == labels
    assert starred.__getitems__([3, 0]).labels.tolist() == [[1.0, 0, 0, 0], [1.0, 1, 1, 1]]
    assert starred[2]["label"].tolist() == [1.0, 1, 0, 0]


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
    assert [full[row]["liked"].tolist() for row in range(5)] == [[4, 0], [], [4, 2], [0], [1]]


def test_one_of_two_partitions_has_every_other_row(tmp_path: Path) -> None:
    whole, half = make_full(tmp_path), make_full(tmp_path, partition=(1, 2))
    assert_equal(collate_fn(whole.__getitems__([1, 3])), collate_fn(half.__getitems__([0, 1])))


def test_dense_inputs_are_the_columns_of_the_named_features(tmp_path: Path) -> None:
    """Other columns of floats, also of other features, are no input."""
    schema = schemas.features({"movie": ["movie_mean"], "user": ["user_mean"]}, [])
    schema = schema.append(pa.field("weight", pa.float32()))
    columns = {"row": COMPUTED["row"], "movie_mean": [5.0] * 5, "user_mean": [0, 1, 2, 3, 4]}
    computed = pa.table(columns | {"weight": [9.0] * 5}, schema)
    features = select_features(("movieid", "user"))
    folder = write_computed(tmp_path / "features", computed)
    dataset = MovieLensDataset(write_part(tmp_path), make_dimensions(), features, folder)
    assert dataset.dense_names == ("user_mean",)
    rows = dataset.__getitems__([0, 1, 2, 3, 4])
    assert rows.dense_features.tolist() == [[0.0], [1.0], [2.0], [3.0], [4.0]]


def test_missing_computed_features_are_an_error(tmp_path: Path) -> None:
    arguments = (write_part(tmp_path), make_dimensions(), FEATURES)
    with pytest.raises(InputError, match=r"no statistics or histories.*dvc repro features"):
        MovieLensDataset(*arguments, tmp_path / "nowhere")


@pytest.mark.parametrize("rows", [[1, 0, 2, 3, 4], [0, 1, 2, 3], [0, 1, 2, 3, 3]])
def test_features_of_other_rows_are_refused(tmp_path: Path, rows: list[int]) -> None:
    part = write_part(tmp_path)
    computed = write_computed(tmp_path / "features", COMPUTED.take(rows))
    with pytest.raises(InputError, match=r"part.parquet and \S+part.parquet have different rows"):
        MovieLensDataset(part, make_dimensions(), FEATURES, computed)


def test_files_of_another_run_are_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path, ids="other")
    with pytest.raises(InputError, match=r"part.parquet and tables are of different runs: .*users"):
        MovieLensDataset(part, make_dimensions())
    part = write_part(tmp_path)
    computed = write_computed(tmp_path / "features", split="other")
    with pytest.raises(InputError, match="of different runs: they differ in their split"):
        MovieLensDataset(part, make_dimensions(), FEATURES, computed)


def test_the_lineage_has_the_digests_of_all_files(full: MovieLensDataset) -> None:
    assert full.lineage == replace(LINEAGE, fitted="fitted")


def assert_equal(left: Batch, right: Batch) -> None:
    left, right = left.expand(), right.expand()
    assert torch.equal(left.dense_features, right.dense_features)
    assert torch.equal(left.labels, right.labels)
    assert left.sparse_features.keys() == right.sparse_features.keys()
    assert torch.equal(left.sparse_features.values(), right.sparse_features.values())
    assert torch.equal(left.sparse_features.lengths(), right.sparse_features.lengths())


def test_an_item_is_a_dict_of_features_and_label(dataset: MovieLensDataset) -> None:
    item = dataset[0]
    assert list(item) == ["userid", "movieid", "genres", "gender", "label"]
    assert {name: value.tolist() for name, value in item.items()} == {
        "userid": 1,
        "movieid": 0,
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
    assert batch.labels.tolist() == [[1.0], [1.0], [0.0]]
    features = batch.sparse_features.to_dict()
    assert list(features) == ["userid", "movieid", "genres"]
    assert [v.tolist() for v in features["userid"].to_dense()] == [[1], [0], [3]]
    assert [v.tolist() for v in features["movieid"].to_dense()] == [[0], [2], [0]]
    assert [v.tolist() for v in features["genres"].to_dense()] == [[2, 1, 3], [], [2, 1, 3]]
    assert batch.sparse_features.values().dtype == torch.long


def test_repeated_dense_features_are_stored_once(dataset: MovieLensDataset) -> None:
    """Three users have three genders. Six rows repeat each of them twice, on average."""
    batch = collate_fn(dataset.__getitems__([0, 1, 4, 0, 2, 3]))
    assert batch.dense_features.tolist() == [[0.0], [0.5], [1.0]]
    assert batch.dense_index.tolist() == [0, 2, 1, 0, 1, 0]
    assert batch.expand().dense_features.tolist() == [[0.0], [1.0], [0.5], [0.0], [0.5], [0.0]]
    assert batch.to(torch.device("cpu")).dense_index.tolist() == batch.dense_index.tolist()


def test_few_or_different_dense_rows_have_no_index(
    dataset: MovieLensDataset, full: MovieLensDataset
) -> None:
    """Five rows are too few for three genders; statistics differ from rating to rating."""
    for batch in (
        collate_fn(dataset.__getitems__(range(5))),
        collate_fn(full.__getitems__([0] * 9)),
    ):
        assert batch.dense_index is None
        assert len(batch.dense_features) == len(batch.labels)
        assert batch.expand() is batch


def test_several_columns_of_one_table_repeat_together() -> None:
    columns = {"a": torch.tensor([1.0, 0, 1, 1]), "b": torch.tensor([2.0, 2, 2, 3])}
    dense = {name: ("movies", values) for name, values in columns.items()}
    unique = PairFeatures({}, dense).unique_dense()
    assert unique.table == "movies"
    assert unique.rows.tolist() == [[0, 2], [1, 2], [1, 3]]
    assert unique.index.tolist() == [1, 0, 1, 2]
    assert PairFeatures({}, dense | {"c": ("users", torch.zeros(2))}).unique_dense() is None
    assert PairFeatures({}, {}).unique_dense() is None


@pytest.mark.parametrize("kind", ["dataset", "full", "starred"])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 0, 0], [1], [1, 1], [4, 2, 2, 0, 1] * 4])
def test_a_batch_equals_its_items_collated(
    request: pytest.FixtureRequest, kind: str, rows: list[int]
) -> None:
    dataset = request.getfixturevalue(kind)
    whole = collate_fn(dataset.__getitems__(torch.tensor(rows)))
    assert_equal(whole, collate_fn([dataset[row] for row in rows]))


def test_batches_equal_those_of_a_data_loader(dataset: MovieLensDataset) -> None:
    loader = DataLoader(dataset, batch_size=2, collate_fn=collate_fn)
    ours = list(batches(dataset, 2))
    assert [len(batch.labels) for batch in ours] == [2, 2, 1]
    for left, right in zip(ours, loader, strict=True):
        assert_equal(left, right)


def test_a_shuffle_yields_every_row_once_and_depends_on_its_seed(
    starred: MovieLensDataset,
) -> None:
    def epoch(seed: int) -> list[float]:
        shuffle = torch.Generator().manual_seed(seed)
        return [x for batch in batches(starred, 2, shuffle) for x in batch.labels.sum(1).tolist()]

    assert epoch(1) == epoch(1)
    assert sorted(epoch(1)) == [0, 1, 2, 3, 4]
    assert len({tuple(epoch(seed)) for seed in range(10)}) > 1
