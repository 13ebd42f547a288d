"""Ratings as model input: one row, or a whole batch gathered at once from the columns.

Shapes: R rows of a part, B of a batch, d dense features.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchrec import KeyedJaggedTensor
from torchrec.datasets.utils import Batch

from recsys.common.errors import InputError
from recsys.dataloader.jagged import Bags, Stretches
from recsys.dataloader.tables import make_index, make_pairs
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.origin import require_same_run
from recsys.storage.parquet import (
    count_rows,
    read_batches,
    read_column,
    read_column_names,
    read_metadata,
)
from recsys.storage.registry import Feature, select_features

# The system's own features.
PLAIN = select_features(("userid", "movieid", "genres", "gender"))


class Rows(NamedTuple):
    """B rows side by side.

    Attributes:
        sparse: the bags of each sparse feature.
        dense: [B, d]
        label: [B]
    """

    sparse: dict[str, Bags]
    dense: Tensor
    label: Tensor


class MovieLensDataset(Dataset[dict[str, Tensor]]):
    """A part of the ratings, joined to its users and movies by row (a star schema).

    An item is a dict of the features, by default `userid` and `movieid` (long, []), `genres`
    (long, [number of genres]), `gender` (float, []), and `label` (float, []).

    `torch.utils.data.DataLoader(dataset, batch_size, collate_fn=collate_fn)` works and is fast,
    since `__getitems__` gathers whole batches; `batches` does without its list of row numbers.

    Args:
        part: a Parquet file with the columns of `schemas.PART`.
        dimensions: the users and movies that its rows refer to.
        target: the column of the part that is the label.
        features: which ones, in the order of the registry.
        computed: the folder that the stage features wrote, where its files are needed.
        share: (rank, size); only the part's rows with row % size == rank are here.

    Attributes:
        rows: how many the part has.
        dense_names: of the dense features, [d]
        origin: digests of the ids, the split and the fitted features.

    Raises:
        InputError: a file is missing, of another run, or has other rows or columns.
    """

    def __init__(
        self,
        part: Path,
        dimensions: Dimensions,
        target: str,
        features: tuple[Feature, ...] = PLAIN,
        computed: Path | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.share, self.rows = share, count_rows(part, schemas.PART)
        self.origin = read_metadata(part)
        require_same_run(part, self.origin, dimensions.folder, dimensions.origin)
        self.label, self.user, self.movie = (
            # Of the types in the file: a batch is made long or float, never the whole.
            torch.from_numpy(read_column(part, schemas.PART, name, share))
            for name in (target, "user", "movie")
        )
        self.pairs = make_pairs(dimensions, features)
        self.dense_names = self.pairs.dense_names
        self.histories: dict[str, Stretches] = {}
        self.statistics: Tensor | None = None
        self.sparse_features = tuple(f for f in features if f.kind != "dense")
        if any(feature.table == "ratings" for feature in features):
            file = _find_computed(part, computed)
            self._read_computed(file, dimensions, features)
        else:
            check_rows(part)

    def _read_computed(
        self, file: Path, dimensions: Dimensions, features: tuple[Feature, ...]
    ) -> None:
        """The features that the stage features computed for each row."""
        part = file.parent
        self.origin |= read_metadata(file)
        index = make_index(dimensions, "movies")
        for feature in features:
            if feature.table == "ratings" and feature.kind == "list":
                log = read_column(part / f"{feature.name}.parquet", schemas.HISTORY_LOG, "movie")
                stretch = (
                    torch.from_numpy(read_column(file, None, f"{feature.name}_{end}", self.share))
                    for end in ("start", "length", "skip")
                )
                entries = index.index_select(0, torch.from_numpy(log))
                self.histories[feature.name] = Stretches(entries, *stretch)
        # Row numbers and the stretches of histories are whole numbers.
        names = read_column_names(file, pa.float32())
        if names:
            self.statistics = torch.empty(len(self), len(names))
            for place, name in enumerate(names):
                self.statistics[:, place] = torch.from_numpy(
                    read_column(file, None, name, self.share)
                )
            self.dense_names += names

    def __len__(self) -> int:
        return len(self.label)

    def places(self, rows: Tensor) -> Tensor:
        """Where those of the part's rows that are here are, in their order."""
        rank, size = self.share
        return rows if size == 1 else rows[rows % size == rank] // size

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        if not 0 <= row < len(self):
            raise IndexError(row)
        rows = self.__getitems__([row])
        item = {
            f.name: rows.sparse[f.name].values
            if f.kind == "list"
            else rows.sparse[f.name].values[0]
            for f in self.sparse_features
        }
        dense = dict(zip(self.dense_names, rows.dense[0], strict=True))
        return item | dense | {"label": rows.label[0]}

    def __getitems__(self, rows: Sequence[int] | Tensor) -> Rows:
        """The rows at once, as `collate_fn` takes them."""
        rows = torch.as_tensor(rows)
        users, movies = self.user.index_select(0, rows), self.movie.index_select(0, rows)
        bags = self.pairs.bags(users, movies)
        bags |= {name: history.take(rows) for name, history in self.histories.items()}
        dense = self.pairs.numbers(users, movies)
        if self.statistics is not None:
            dense.append(self.statistics.index_select(0, rows))
        return Rows(
            {feature.name: bags[feature.name] for feature in self.sparse_features},
            torch.cat(dense, dim=1),
            self.label.index_select(0, rows).float(),
        )


def collate_fn(rows: Rows | Sequence[dict[str, Tensor]]) -> Batch:
    """Make a batch of B rows, nothing padded.

    Args:
        rows: what `MovieLensDataset.__getitems__` gives, or a list of items.

    Returns:
        dense_features [B, d], sparse_features with B lengths for each feature, and labels [B].
    """
    columns = rows if isinstance(rows, Rows) else _columns_of(rows)
    values, lengths = zip(*columns.sparse.values(), strict=True)
    sparse = KeyedJaggedTensor(list(columns.sparse), torch.cat(values), lengths=torch.cat(lengths))
    return Batch(columns.dense, sparse, columns.label)


def batches(
    dataset: MovieLensDataset,
    batch_size: int,
    shuffle: torch.Generator | None = None,
    skip: int = 0,
) -> Iterator[Batch]:
    """One pass over the part's rows, in order or shuffled, without the first `skip` batches.

    The last batch may be smaller. Of each batch come the rows that are in the dataset's share, so
    that all shares together make the batches of the whole; there may be none.
    """
    count = dataset.rows
    # Half of the default's memory.
    kind = torch.int32 if count < 2**31 else torch.int64
    order = (
        torch.arange(count, dtype=kind)
        if shuffle is None
        else torch.randperm(count, generator=shuffle, dtype=kind)
    )
    for rows in order.split(batch_size)[skip:]:
        yield collate_fn(dataset.__getitems__(dataset.places(rows)))


def check_rows(part: Path, computed: Path | None = None) -> None:
    """Check that a part's rows ascend by their key, and that computed features have the same rows.

    Raises:
        InputError: they do not.
    """
    last = -1
    for batch in read_batches(part, schemas.PART, ["row"]):
        rows = np.append(last, batch["row"])
        if (np.diff(rows) <= 0).any():
            raise InputError(f"{part} is not in the order of its rows; run `dvc repro split`")
        last = rows[-1]
    if computed is not None:
        rows, others = read_column(part, schemas.PART, "row"), read_column(computed, None, "row")
        if not np.array_equal(rows, others):
            raise InputError(f"{computed} has other rows than {part}; run `dvc repro features`")


def _columns_of(items: Sequence[dict[str, Tensor]]) -> Rows:
    # Indices are sparse features, numbers are dense ones.
    sparse = [name for name, value in items[0].items() if not value.is_floating_point()]
    dense = [name for name in items[0] if name not in sparse and name != "label"]
    return Rows(
        {
            name: Bags(
                torch.cat([item[name].reshape(-1) for item in items]),
                torch.tensor([item[name].numel() for item in items], dtype=torch.int32),
            )
            for name in sparse
        },
        torch.stack([torch.stack([item[name] for name in dense]) for item in items]),
        torch.stack([item["label"] for item in items]),
    )


def _find_computed(part: Path, computed: Path | None) -> Path:
    """The file of the computed features of a part, checked to have its rows."""
    if computed is None or not (computed / part.name).exists():
        raise InputError(
            f"{part} has no statistics or histories in {computed}; run `dvc repro features`"
        )
    file = computed / part.name
    require_same_run(part, read_metadata(part), file, read_metadata(file))
    check_rows(part, file)
    return file
