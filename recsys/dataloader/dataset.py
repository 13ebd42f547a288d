"""Ratings as model input: a single row, or a whole batch gathered from the columns.

Shapes: R rows of a part, B of a batch, T thresholds, d dense features, V rows of dense features.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchrec import KeyedJaggedTensor

from recsys.common.errors import InputError
from recsys.dataloader.batch import Batch
from recsys.dataloader.jagged import Bags, Lists
from recsys.dataloader.tables import load_pair_features, make_index
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import read_lineage, require_same_run
from recsys.storage.parquet import (
    count_rows,
    read_column,
    read_column_names,
)
from recsys.storage.registry import Feature, select_features

# Dense features are stored once if each unique row is in a batch this often, on average.
MIN_REPEATS = 2
# The features of the default params.yaml.
DEFAULT_FEATURES = select_features(("userid", "movieid", "genres", "gender"))


class MovieLensDataset(Dataset[dict[str, Tensor]]):
    """A part of the ratings, joined to its users and movies by row (a star schema).

    An item is a dict of the features, by default `userid` and `movieid` (long, []), `genres`
    (long, [number of genres]), `gender` (float, []), and `label` (float, []; with several
    thresholds, [T]).

    `torch.utils.data.DataLoader(dataset, batch_size, collate_fn=collate_fn)` works and is fast,
    since `__getitems__` gathers whole batches. `batches` avoids the lists of row numbers that a
    `DataLoader` makes.

    Args:
        part: a Parquet file with the columns of `schemas.PART`, or a folder of shards.
        dimensions: the users and movies that the ratings refer to.
        features: the features of an item, in the order of the registry.
        computed: the folder that the stage features wrote; needed for features that it computes.
        partition: (rank, size); the dataset holds only the part's rows with row % size == rank.
        thresholds: in stars, [T]; a row has a label for each: whether its rating is above it.
            Without thresholds, T is 1 and the label is that of the part.

    Attributes:
        rows: the number of rows of the whole part.
        labels: [R, T]
        dense_names: the names of the dense features, [d]
        lineage: digests of the ids, the split and the fitted features.

    Raises:
        InputError: a file is missing, belongs to another run, or has other rows or columns.
    """

    def __init__(
        self,
        part: Path,
        dimensions: Dimensions,
        features: tuple[Feature, ...] = DEFAULT_FEATURES,
        computed: Path | None = None,
        partition: tuple[int, int] = (0, 1),
        thresholds: tuple[float, ...] = (),
    ) -> None:
        self.partition, self.rows = partition, count_rows(part, schemas.PART)
        self.lineage = read_lineage(part, "split")
        require_same_run(part, self.lineage, dimensions.folder, dimensions.lineage)
        # Columns keep the small types of the file. Only a batch is converted to long or float.
        answer, self.user, self.movie = (
            torch.from_numpy(read_column(part, schemas.PART, name, partition))
            for name in ("rating" if thresholds else "label", "user", "movie")
        )
        above = [(answer > threshold).to(torch.int8) for threshold in thresholds]
        self.labels = torch.stack(above, dim=1) if above else answer[:, None]
        self.pairs = load_pair_features(dimensions, features)
        self.unique_dense = self.pairs.unique_dense()
        self.dense_names = self.pairs.dense_names
        self.histories: dict[str, Lists] = {}
        self.statistics: Tensor | None = None
        self.sparse_features = tuple(f for f in features if f.kind != "dense")
        if any(feature.table == "ratings" for feature in features):
            file = _find_computed(part, computed)
            self._read_computed(file, dimensions, features)

    def _read_computed(
        self, file: Path, dimensions: Dimensions, features: tuple[Feature, ...]
    ) -> None:
        """Read the features that the stage features computed for each row."""
        part = file.parent
        self.lineage = read_lineage(file, "features")
        index = make_index(dimensions, "movies")
        for feature in features:
            if feature.table == "ratings" and feature.kind == "list":
                log = read_column(part / f"{feature.name}.parquet", schemas.HISTORY_LOG, "movie")
                columns = (f"{feature.name}_{end}" for end in ("start", "length", "skip"))
                stretch = (
                    torch.from_numpy(read_column(file, None, name, self.partition))
                    for name in columns
                )
                entries = index.index_select(0, torch.from_numpy(log))
                self.histories[feature.name] = Lists(entries, *stretch)
        statistics = [f.name for f in features if f.table == "ratings" and f.kind == "dense"]
        names = tuple(name for each in statistics for name in read_column_names(file, each))
        if statistics:
            self.statistics = torch.empty(len(self), len(names))
            for column, name in enumerate(names):
                self.statistics[:, column] = torch.from_numpy(
                    read_column(file, None, name, self.partition)
                )
            self.dense_names += names

    def __len__(self) -> int:
        return len(self.labels)

    def local_rows(self, rows: Tensor) -> Tensor:
        """The dataset's own row numbers of those rows of the part that it holds, in their order."""
        rank, size = self.partition
        return rows if size == 1 else rows[rows % size == rank] // size

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        if not 0 <= row < len(self):
            raise IndexError(row)
        batch = self.__getitems__([row])
        bags = batch.sparse_features.to_dict()
        item = {
            f.name: bags[f.name].values() if f.kind == "list" else bags[f.name].values()[0]
            for f in self.sparse_features
        }
        # A row on its own repeats nothing, so it has no index.
        dense = dict(zip(self.dense_names, batch.dense_features[0], strict=True))
        return item | dense | {"label": batch.labels[0].squeeze(0)}

    def __getitems__(self, rows: Sequence[int] | Tensor) -> Batch:
        """Several rows at once."""
        rows = torch.as_tensor(rows)
        users, movies = self.user.index_select(0, rows), self.movie.index_select(0, rows)
        bags = self.pairs.bags(users, movies)
        bags |= {name: history.take(rows) for name, history in self.histories.items()}
        dense, dense_index = self._take_dense(rows, users, movies)
        sparse = join_bags({feature.name: bags[feature.name] for feature in self.sparse_features})
        return Batch(dense, sparse, self.labels.index_select(0, rows).float(), dense_index)

    def _take_dense(
        self, rows: Tensor, users: Tensor, movies: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The dense features of B rows and their index, as in `Batch`."""
        if self.statistics is not None:
            statistics = self.statistics.index_select(0, rows)
            return torch.cat([self.pairs.dense(users, movies), statistics], dim=1), None
        unique = self.unique_dense
        # If few of them repeat, the model would compute more rows than the batch has.
        if unique is not None and len(unique.rows) * MIN_REPEATS <= len(rows):
            of_table = users if unique.table == "users" else movies
            return unique.rows, unique.index.index_select(0, of_table)
        return self.pairs.dense(users, movies), None


def collate_fn(rows: Batch | Sequence[dict[str, Tensor]]) -> Batch:
    """Make a batch, without padding.

    Args:
        rows: the batch that `MovieLensDataset.__getitems__` made, or a list of items.
    """
    if isinstance(rows, Batch):
        return rows
    # Sparse features are integers, dense features are floats.
    sparse = [name for name, value in rows[0].items() if not value.is_floating_point()]
    dense = [name for name in rows[0] if name not in sparse and name != "label"]
    bags = {
        name: Bags(
            torch.cat([item[name].reshape(-1) for item in rows]),
            torch.tensor([item[name].numel() for item in rows], dtype=torch.int32),
        )
        for name in sparse
    }
    return Batch(
        torch.stack([torch.stack([item[name] for name in dense]) for item in rows]),
        join_bags(bags),
        torch.stack([item["label"].reshape(-1) for item in rows]),
    )


def join_bags(bags: Mapping[str, Bags]) -> KeyedJaggedTensor:
    """The bags of all sparse features as one tensor, with B lengths for each feature."""
    return KeyedJaggedTensor(
        list(bags),
        torch.cat([values for values, _ in bags.values()]),
        lengths=torch.cat(
            [
                torch.ones(len(values), dtype=torch.int32) if lengths is None else lengths
                for values, lengths in bags.values()
            ]
        ),
    )


def batches(
    dataset: MovieLensDataset,
    batch_size: int,
    shuffle: torch.Generator | None = None,
    skip: int = 0,
) -> Iterator[Batch]:
    """One pass over the part's rows, in order or shuffled, without the first `skip` batches.

    The last batch may be smaller. A dataset that holds a partition of the rows yields its part of
    each batch, which may be empty. All processes together have the batches of the whole part.
    """
    count = dataset.rows
    # int32 takes half of the memory of the default, int64.
    kind = torch.int32 if count < 2**31 else torch.int64
    order = (
        torch.arange(count, dtype=kind)
        if shuffle is None
        else torch.randperm(count, generator=shuffle, dtype=kind)
    )
    for rows in order.split(batch_size)[skip:]:
        yield dataset.__getitems__(dataset.local_rows(rows))


def check_rows(part: Path, computed: Path) -> None:
    """Check that computed features have the keys of a part's rows. Raises: InputError."""
    rows, others = read_column(part, schemas.PART, "row"), read_column(computed, None, "row")
    if not np.array_equal(rows, others):
        raise InputError(f"{computed} and {part} have different rows; run `dvc repro features`")


def _find_computed(part: Path, computed: Path | None) -> Path:
    """Find the file of the computed features of a part, and check that it has the same rows."""
    if computed is None or not (computed / part.name).exists():
        raise InputError(
            f"{part} has no statistics or histories in {computed}; run `dvc repro features`"
        )
    file = computed / part.name
    require_same_run(part, read_lineage(part, "split"), file, read_lineage(file, "features"))
    check_rows(part, file)
    return file
