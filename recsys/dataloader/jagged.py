"""Sparse features by row: a value each, or a list of any length, cut for a batch at once.

Shapes: R rows of a part, B of a batch, N values of B lists.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Field(Protocol):
    """A feature of the rows of a part."""

    def cut(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Values of some rows end to end, long, [N], and how many each has, int32, [B]."""


@dataclass(frozen=True)
class Column:
    """One value a row, [R]."""

    values: Tensor

    def cut(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        # `index_select` is a third of the time of `[]`.
        return self.values.index_select(0, rows).long(), _ones(rows)


@dataclass(frozen=True)
class Joined:
    """One value for each row of another table, [T], to which `keys` refers, [R]."""

    values: Tensor
    keys: Tensor

    def cut(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.values.index_select(0, self.keys.index_select(0, rows)).long(), _ones(rows)


@dataclass(frozen=True)
class JoinedLists:
    """A list for each row of another table, to which `keys` refers, [R].

    Attributes:
        values: the lists end to end.
        starts, lengths: of each list, [T]
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor
    keys: Tensor

    def cut(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        keys = self.keys.index_select(0, rows)
        lengths = self.lengths.index_select(0, keys)
        places = _places(self.starts.index_select(0, keys), lengths)
        return self.values.index_select(0, places).long(), lengths


@dataclass(frozen=True)
class Stretches:
    """A stretch of a log for each row, of which one entry is left out.

    Attributes:
        log: the entries.
        starts, lengths: of each row's stretch, [R]
        skips: the entry that is not the row's to know, or -1, [R]
    """

    log: Tensor
    starts: Tensor
    lengths: Tensor
    skips: Tensor

    def cut(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        starts, lengths = self.starts.index_select(0, rows), self.lengths.index_select(0, rows)
        skips = self.skips.index_select(0, rows)
        lengths = lengths - (skips >= 0).int()
        places = _places(starts, lengths)
        # From the one left out on, the next one is meant.
        limits = torch.repeat_interleave(torch.where(skips >= 0, skips, len(self.log)), lengths)
        places += places >= limits
        return self.log.index_select(0, places).long(), lengths


def _ones(rows: Tensor) -> Tensor:
    return torch.ones(len(rows), dtype=torch.int32)


def _places(starts: Tensor, lengths: Tensor) -> Tensor:
    """Where the values of B lists are: each list's start and the places after it, [N]."""
    # Of each value: where its list starts in the table less where in the batch, plus its place in
    # the batch.
    shifts = starts - (lengths.cumsum(0) - lengths)
    places = torch.repeat_interleave(shifts, lengths)
    places += torch.arange(len(places))
    return places
