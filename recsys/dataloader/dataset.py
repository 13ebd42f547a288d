"""Ratings as model input: one row, or a whole batch cut at once from the columns.

Shapes: R rows of a part, B of a batch, d dense features.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchrec import KeyedJaggedTensor
from torchrec.datasets.utils import Batch

from recsys.common.errors import InputError
from recsys.dataloader.jagged import Column, Field, Joined, JoinedLists, Stretches
from recsys.storage import schemas
from recsys.storage.parquet import count_rows, read_column, read_names, read_parquet
from recsys.storage.registry import FeatureParams

# The system's own features.
PLAIN = FeatureParams(sparse=("userid", "movieid", "genres"), dense=("gender",), history_length=1)


class Rows(NamedTuple):
    """B rows side by side.

    Attributes:
        sparse: by feature, the rows' values end to end, and how many each row has, [B]
        dense: [B, d]
        label: [B]
    """

    sparse: dict[str, tuple[Tensor, Tensor]]
    dense: Tensor
    label: Tensor


class MovieLensDataset(Dataset[dict[str, Tensor]]):
    """A part of the ratings, which looks its users and movies up by row (a star schema).

    An item is a dict of the features that are asked for, by default `userid` and `movieid` (long,
    []), `genres` (long, [number of genres]), `gender` (float, []), and `label` (float, []).

    `torch.utils.data.DataLoader(dataset, batch_size, collate_fn=collate_fn)` works and is fast,
    since `__getitems__` cuts its batches; `batches` does without its list of row numbers.

    Args:
        part: a Parquet file with the columns of `schemas.PART`.
        users, movies: with those of `schemas.USERS` and `schemas.MOVIES`.
        target: the column of the part that is the label.
        features: which ones; sparse ones are in the order of `FeatureParams.ordered`.
        described: the folder that the stage features wrote, where its files are needed.
        share: (rank, size); only the part's rows with row % size == rank are here.

    Attributes:
        rows: how many the part has.
        dense_names: of the dense features, [d]

    Raises:
        InputError: a file is missing or has other columns.
    """

    def __init__(
        self,
        part: Path,
        users: Path,
        movies: Path,
        target: str,
        features: FeatureParams = PLAIN,
        described: Path | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.share, self.rows = share, count_rows(part, schemas.PART)
        self.label = self._column(part, target)
        self.user_row, self.movie_row = (
            self._column(part, name) for name in ("user_row", "movie_row")
        )
        self.fields = {
            name: self._field(name, part, users, movies, described) for name in features.ordered
        }
        # By user or by row: a batch takes both together.
        self.gender, self.statistics = None, None
        self.dense_names: tuple[str, ...] = ()
        if "gender" in features.dense:
            self.gender = torch.from_numpy(read_column(users, schemas.USERS, "gender"))
            self.dense_names += ("gender",)
        if features.statistics:
            names, columns = self._statistics(part, described)
            self.statistics, self.dense_names = columns, self.dense_names + names

    def _column(self, path: Path, name: str) -> Tensor:
        # Of the types in the files: a batch is made long or float, never the whole.
        return torch.from_numpy(read_column(path, schemas.PART, name, self.share))

    def _field(
        self, name: str, part: Path, users: Path, movies: Path, described: Path | None
    ) -> Field:
        if name in ("userid", "movieid"):
            return Column(self._column(part, name))
        if name in ("age", "occupation", "zip"):
            codes = read_column(users, schemas.USERS, f"{name}_code")
            return Joined(torch.from_numpy(codes), self.user_row)
        if name == "period":
            codes = read_column(movies, schemas.MOVIES, "period_code")
            return Joined(torch.from_numpy(codes), self.movie_row)
        if name == "genres":
            genres = read_parquet(movies, schemas.MOVIES)["genres"].combine_chunks()
            lengths = torch.tensor(genres.value_lengths().to_numpy())
            values = torch.tensor(genres.flatten().to_numpy())
            return JoinedLists(values, lengths.cumsum(0) - lengths, lengths, self.movie_row)
        folder, file = _described(part, described)
        log = read_column(folder / f"{name}.parquet", schemas.LOG, "movieid")
        stretch = (
            torch.from_numpy(read_column(file, None, f"{name}_{column}", self.share))
            for column in ("start", "length", "skip")
        )
        return Stretches(torch.from_numpy(log), *stretch)

    def _statistics(self, part: Path, described: Path | None) -> tuple[tuple[str, ...], Tensor]:
        _, file = _described(part, described)
        # The stretches of histories are whole numbers.
        names = read_names(file, pa.float32())
        columns = torch.empty(len(self), len(names))
        for place, name in enumerate(names):
            columns[:, place] = torch.from_numpy(read_column(file, None, name, self.share))
        return names, columns

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
            name: values if isinstance(self.fields[name], JoinedLists | Stretches) else values[0]
            for name, (values, _) in rows.sparse.items()
        }
        dense = dict(zip(self.dense_names, rows.dense[0], strict=True))
        return item | dense | {"label": rows.label[0]}

    def __getitems__(self, rows: Sequence[int] | Tensor) -> Rows:
        """The rows at once, as `collate_fn` takes them."""
        rows = torch.as_tensor(rows)
        sparse = {name: field.cut(rows) for name, field in self.fields.items()}
        dense = []
        if self.gender is not None:
            users = self.user_row.index_select(0, rows)
            dense.append(self.gender.index_select(0, users).unsqueeze(-1))
        if self.statistics is not None:
            dense.append(self.statistics.index_select(0, rows))
        return Rows(sparse, torch.cat(dense, dim=1), self.label.index_select(0, rows).float())


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


def _columns_of(items: Sequence[dict[str, Tensor]]) -> Rows:
    # Indices are sparse features, numbers are dense ones.
    sparse = [name for name, value in items[0].items() if not value.is_floating_point()]
    dense = [name for name in items[0] if name not in sparse and name != "label"]
    return Rows(
        {
            name: (
                torch.cat([item[name].reshape(-1) for item in items]),
                torch.tensor([item[name].numel() for item in items], dtype=torch.int32),
            )
            for name in sparse
        },
        torch.stack([torch.stack([item[name] for name in dense]) for item in items]),
        torch.stack([item["label"] for item in items]),
    )


def _described(part: Path, described: Path | None) -> tuple[Path, Path]:
    """The folder and its file about the rows of a part."""
    if described is None or not (described / part.name).exists():
        raise InputError(
            f"{part} has no statistics or histories in {described}; run `dvc repro features`"
        )
    return described, described / part.name
