"""Ratings as model input: one row, or a whole batch cut at once from the columns."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchrec import KeyedJaggedTensor
from torchrec.datasets.utils import Batch

from recsys import schemas
from recsys.parquet import count_rows, read_column, read_parquet

SPARSE_FEATURES = ("userid", "movieid", "genres")
DENSE_FEATURES = ("gender",)


class Columns(NamedTuple):
    """B rows side by side; `genres` holds the rows' lists end to end, sum(genre_lengths) long."""

    userid: Tensor
    movieid: Tensor
    genres: Tensor
    genre_lengths: Tensor
    gender: Tensor
    label: Tensor


class MovieLensDataset(Dataset[dict[str, Tensor]]):
    """A part of the ratings, which looks its users and movies up by row (a star schema).

    An item is a dict: `userid` and `movieid` (long, []), `genres` (long, [number of genres]),
    `gender` and `label` (float, []).

    `torch.utils.data.DataLoader(dataset, batch_size, collate_fn=collate_fn)` works and is fast,
    since `__getitems__` cuts its batches; `batches` does without its list of row numbers.

    Args:
        part: a Parquet file with the columns of `schemas.PART`.
        users, movies: with those of `schemas.USERS` and `schemas.MOVIES`.
        target: the column of the part that is the label.
        share: (rank, size); only the part's rows with row % size == rank are here.

    Attributes:
        rows: how many the part has.

    Raises:
        InputError: a file is missing or has other columns.
    """

    def __init__(
        self,
        part: Path,
        users: Path,
        movies: Path,
        target: str,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.share, self.rows = share, count_rows(part, schemas.PART)
        # int32 as in the files: a batch is made long, never the whole.
        self.userid, self.movieid, self.user_row, self.movie_row, label = (
            torch.from_numpy(read_column(part, schemas.PART, name, share))
            for name in ("userid", "movieid", "user_row", "movie_row", target)
        )
        self.label = label.float()
        self.gender = torch.from_numpy(read_column(users, schemas.USERS, "gender"))
        genres = read_parquet(movies, schemas.MOVIES)["genres"].combine_chunks()
        self.genres = torch.tensor(genres.flatten().to_numpy())
        self.genre_lengths = torch.tensor(genres.value_lengths().to_numpy())
        self.genre_starts = self.genre_lengths.cumsum(0) - self.genre_lengths

    def __len__(self) -> int:
        return len(self.label)

    def places(self, rows: Tensor) -> Tensor:
        """Where those of the part's rows that are here are, in their order."""
        rank, size = self.share
        return rows if size == 1 else rows[rows % size == rank] // size

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        movie = self.movie_row[row]
        start = self.genre_starts[movie]
        return {
            "userid": self.userid[row].long(),
            "movieid": self.movieid[row].long(),
            "genres": self.genres[start : start + self.genre_lengths[movie]].long(),
            "gender": self.gender[self.user_row[row]],
            "label": self.label[row],
        }

    def __getitems__(self, rows: Sequence[int] | Tensor) -> Columns:
        """The rows at once, as `collate_fn` takes them."""
        rows = torch.as_tensor(rows)
        # `index_select` is a third of the time of `[]`.
        movies = self.movie_row.index_select(0, rows)
        lengths = self.genre_lengths.index_select(0, movies)
        # Of each genre in the batch: where its list starts in the table less where in the batch,
        # plus its place in the batch.
        shifts = self.genre_starts.index_select(0, movies) - (lengths.cumsum(0) - lengths)
        places = torch.repeat_interleave(shifts, lengths)
        places += torch.arange(len(places))
        return Columns(
            userid=self.userid.index_select(0, rows).long(),
            movieid=self.movieid.index_select(0, rows).long(),
            genres=self.genres.index_select(0, places).long(),
            genre_lengths=lengths,
            gender=self.gender.index_select(0, self.user_row.index_select(0, rows)),
            label=self.label.index_select(0, rows),
        )


def collate_fn(rows: Columns | Sequence[dict[str, Tensor]]) -> Batch:
    """Make a batch of B rows, nothing padded.

    Args:
        rows: what `MovieLensDataset.__getitems__` gives, or a list of items.

    Returns:
        dense_features [B, 1], sparse_features with B lengths for each of `SPARSE_FEATURES`, and
        labels [B].
    """
    columns = rows if isinstance(rows, Columns) else _columns_of(rows)
    ones = torch.ones_like(columns.genre_lengths)
    sparse = KeyedJaggedTensor(
        keys=list(SPARSE_FEATURES),
        values=torch.cat([columns.userid, columns.movieid, columns.genres]),
        lengths=torch.cat([ones, ones, columns.genre_lengths]),
    )
    return Batch(columns.gender.unsqueeze(-1), sparse, columns.label)


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
    order = torch.arange(count) if shuffle is None else torch.randperm(count, generator=shuffle)
    for rows in order.split(batch_size)[skip:]:
        yield collate_fn(dataset.__getitems__(dataset.places(rows)))


def _columns_of(items: Sequence[dict[str, Tensor]]) -> Columns:
    return Columns(
        userid=torch.stack([item["userid"] for item in items]),
        movieid=torch.stack([item["movieid"] for item in items]),
        genres=torch.cat([item["genres"] for item in items]),
        genre_lengths=torch.tensor([len(item["genres"]) for item in items], dtype=torch.int32),
        gender=torch.stack([item["gender"] for item in items]),
        label=torch.stack([item["label"] for item in items]),
    )
