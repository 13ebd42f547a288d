"""The published ids of an artifact's users or movies.

The artifact holds a copy of this file, so it imports torch and other copies.

Shapes: B ids, T rows of a table, N bytes of its texts.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from recsys.dataloader.pairs import find_rows

# The ids of a batch, [B].
PublishedIds = Sequence[int] | Sequence[str] | Tensor


class Ids:
    """The id of each row of a table.

    Args:
        known: integers, ascending, long, [T]; or the texts of own data, T of them.
    """

    def __init__(self, known: Tensor | Sequence[str]) -> None:
        self.known = known
        self.rows = {} if isinstance(known, Tensor) else {text: i for i, text in enumerate(known)}

    def __len__(self) -> int:
        return len(self.known)

    def find(self, ids: PublishedIds) -> Tensor:
        """The row of each id, [B]; T for an id that the table does not have."""
        if isinstance(self.known, Tensor):
            return find_rows(ids, self.known)  # type: ignore[arg-type]
        return torch.tensor([self.rows.get(str(text), len(self)) for text in ids]).long()

    def take(self, rows: Sequence[int]) -> list[int] | list[str]:
        """The ids of some rows."""
        if isinstance(self.known, Tensor):
            ids: list[int] = self.known[rows].tolist()
            return ids
        return [self.known[row] for row in rows]

    def to_tensors(self, name: str) -> dict[str, Tensor]:
        """Integers as `<name>`; texts as `<name>.bytes`, UTF-8, [N], and `<name>.lengths`, [T]."""
        if isinstance(self.known, Tensor):
            return {name: self.known}
        texts = [text.encode() for text in self.known]
        return {
            f"{name}.bytes": torch.tensor(list(b"".join(texts)), dtype=torch.uint8),
            f"{name}.lengths": torch.tensor([len(text) for text in texts], dtype=torch.int32),
        }

    @classmethod
    def from_tensors(cls, name: str, tensors: dict[str, Tensor]) -> "Ids":
        """The ids whose tensors `to_tensors` made.

        Raises:
            ValueError: they are no ids.
            LookupError: a tensor is missing.
        """
        if name in tensors:
            known = tensors[name]
            if known.dtype != torch.int64 or not bool((known[1:] > known[:-1]).all()):
                raise ValueError(f"its {name} are no ascending integers")
            return cls(known)
        data = bytes(tensors[f"{name}.bytes"].tolist())
        places = pairwise(accumulate(tensors[f"{name}.lengths"].tolist(), initial=0))
        return cls([data[start:end].decode() for start, end in places])
