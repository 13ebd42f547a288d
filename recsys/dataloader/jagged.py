"""Lists of any length, stored end to end, and how a batch gathers them without a Python loop.

Every exported artifact holds a copy of this file, so it imports torch alone.

Shapes: T rows of a table, B of a batch, N values of B lists.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Bags(NamedTuple):
    """B lists, stored end to end.

    Attributes:
        values: long, [N]
        lengths: the length of each list, int32, [B]; None if each has one value, so N is B
    """

    values: Tensor
    lengths: Tensor | None


@dataclass(frozen=True)
class Values:
    """One value for each row of a table, int32, [T]."""

    values: Tensor

    def take(self, rows: Tensor) -> Bags:
        """The values of these rows, each in a bag of its own."""
        # `index_select` takes a third of the time of `[]`.
        return Bags(self.values.index_select(0, rows).long(), None)


@dataclass(frozen=True)
class Lists:
    """A list of values for each row of a table.

    Attributes:
        values: the values of all lists, int32.
        starts, lengths: where each row's list starts in `values`, and its length, int32, [T]
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def from_lengths(cls, values: Tensor, lengths: Tensor) -> "Lists":
        """Lists that follow each other without gaps."""
        return cls(values, lengths.cumsum(0) - lengths, lengths)

    def take(self, rows: Tensor) -> Bags:
        """The lists of these rows."""
        lengths = self.lengths.index_select(0, rows)
        positions = _list_positions(self.starts.index_select(0, rows), lengths)
        return Bags(self.values.index_select(0, positions).long(), lengths)


@dataclass(frozen=True)
class Histories:
    """A user history for each row: a stretch of one log, from which one entry may be left out.

    Attributes:
        log: the entries of all users.
        starts, lengths: where each row's stretch starts in the log, and its length, [T]
        skips: the position in the log of the entry that is left out, or -1, [T]
    """

    log: Tensor
    starts: Tensor
    lengths: Tensor
    skips: Tensor

    def take(self, rows: Tensor) -> Bags:
        """The histories of these rows."""
        skips = self.skips.index_select(0, rows)
        lengths = self.lengths.index_select(0, rows) - (skips >= 0).int()
        positions = _list_positions(self.starts.index_select(0, rows), lengths)
        # Positions at or behind the entry that is left out move on by one.
        limits = torch.repeat_interleave(torch.where(skips >= 0, skips, len(self.log)), lengths)
        positions += positions >= limits
        return Bags(self.log.index_select(0, positions).long(), lengths)


def _list_positions(starts: Tensor, lengths: Tensor) -> Tensor:
    """The positions of all values of B lists, list after list, [N].

    Args:
        starts, lengths: the position of each list's first value, and the list's length, [B]
    """
    # A value's position is its list's start plus its index in the list. Its index in the batch is
    # its index in the list plus the lengths of the lists before. The shift is the difference.
    shifts = starts - (lengths.cumsum(0) - lengths)
    positions = torch.repeat_interleave(shifts, lengths)
    positions += torch.arange(len(positions))
    return positions
