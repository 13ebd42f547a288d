"""Lists of any length, end to end, and how those of a batch are gathered at once.

A copy of this file is in every exported artifact, so it imports torch alone.

Shapes: T rows of a table, B of a batch, N values of B lists.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Bags(NamedTuple):
    """B lists end to end.

    Attributes:
        values: long, [N]
        lengths: how many each list has, int32, [B]
    """

    values: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class Values:
    """One value a row, int32, [T]."""

    values: Tensor

    def take(self, rows: Tensor) -> Bags:
        # `index_select` takes a third of the time of `[]`.
        values = self.values.index_select(0, rows).long()
        return Bags(values, torch.ones(len(rows), dtype=torch.int32))


@dataclass(frozen=True)
class Lists:
    """A list for each row.

    Attributes:
        values: the lists end to end, int32.
        starts, lengths: of each list, int32, [T]
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, values: Tensor, lengths: Tensor) -> "Lists":
        """Lists that follow each other without gaps."""
        return cls(values, lengths.cumsum(0) - lengths, lengths)

    def take(self, rows: Tensor) -> Bags:
        lengths = self.lengths.index_select(0, rows)
        places = _places(self.starts.index_select(0, rows), lengths)
        return Bags(self.values.index_select(0, places).long(), lengths)


@dataclass(frozen=True)
class Stretches:
    """A stretch of a log for each row, of which one entry may be left out.

    Attributes:
        log: the entries.
        starts, lengths: of each row's stretch, [T]
        skips: the entry that is left out, or -1, [T]
    """

    log: Tensor
    starts: Tensor
    lengths: Tensor
    skips: Tensor

    def take(self, rows: Tensor) -> Bags:
        skips = self.skips.index_select(0, rows)
        lengths = self.lengths.index_select(0, rows) - (skips >= 0).int()
        places = _places(self.starts.index_select(0, rows), lengths)
        # From the entry that is left out on, the next one is taken.
        limits = torch.repeat_interleave(torch.where(skips >= 0, skips, len(self.log)), lengths)
        places += places >= limits
        return Bags(self.log.index_select(0, places).long(), lengths)


def _places(starts: Tensor, lengths: Tensor) -> Tensor:
    """Where the values of B lists are: each list's start and the places after it, [N]."""
    # For each value: the start of its list less the start of its list in the batch, plus its place
    # in the batch.
    shifts = starts - (lengths.cumsum(0) - lengths)
    places = torch.repeat_interleave(shifts, lengths)
    places += torch.arange(len(places))
    return places
