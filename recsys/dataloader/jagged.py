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
    """A list of values for each row of a table. Lists may overlap, as user histories do.

    Attributes:
        values: the values of all lists, int32.
        starts, lengths: where each row's list starts in `values`, and its length, integers, [T]
        skips: the position in `values` of an entry of the list that is left out, or -1, [T]; None
            if no list has one
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor
    skips: Tensor | None = None

    @classmethod
    def from_lengths(cls, values: Tensor, lengths: Tensor) -> "Lists":
        """Lists that follow each other without gaps."""
        return cls(values, lengths.cumsum(0) - lengths, lengths)

    def take(self, rows: Tensor) -> Bags:
        """The lists of these rows."""
        starts, lengths = (part.index_select(0, rows) for part in (self.starts, self.lengths))
        if self.skips is not None:
            skips = self.skips.index_select(0, rows)
            lengths = lengths - (skips >= 0).int()
        # A value's position is its list's start plus its index in the list. Its index in the batch
        # is its index in the list plus the lengths of the lists before. Their difference is the
        # shift.
        shifts = starts - (lengths.cumsum(0) - lengths)
        positions = torch.repeat_interleave(shifts, lengths)
        positions += torch.arange(len(positions))
        if self.skips is not None:
            # Positions at or behind the entry that is left out move on by one.
            limits = torch.where(skips >= 0, skips, len(self.values)).repeat_interleave(lengths)
            positions += positions >= limits
        return Bags(self.values.index_select(0, positions).long(), lengths)
