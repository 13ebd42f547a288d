"""What the tables say of any user with any movie: the features that need no other rating.

A copy of this file is in every exported artifact, so it imports nothing but torch and `jagged`.

Shapes: B pairs, U users, M movies, d dense features, N values of a feature's bags.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from recsys.dataloader.jagged import Bags, Lists, Values

# Of the model's embedding tables: a user or movie that training saw no rating of.
UNKNOWN = 0
Side = Literal["users", "movies"]


class Sparse(NamedTuple):
    """A sparse feature of the users or of the movies, with a row for one that is in no table."""

    side: Side
    bags: Values | Lists


class Dense(NamedTuple):
    """A number for each user or each movie, with one for a row that is in no table."""

    side: Side
    values: Tensor


class Pairs:
    """Any user with any movie as model input, by their rows; U or M for one that is in no table.

    Args:
        sparse: by name, in the model's order.
        dense: by name, in the model's order.
    """

    def __init__(self, sparse: dict[str, Sparse], dense: dict[str, Dense]) -> None:
        self._sparse, self._dense = sparse, dense

    @property
    def dense_names(self) -> tuple[str, ...]:
        return tuple(self._dense)

    def bags(self, users: Tensor, movies: Tensor) -> dict[str, Bags]:
        """The sparse features of the pairs, by name.

        Args:
            users, movies: rows, [B]
        """
        rows = {"users": users, "movies": movies}
        return {name: bags.take(rows[side]) for name, (side, bags) in self._sparse.items()}

    def numbers(self, users: Tensor, movies: Tensor) -> list[Tensor]:
        """The dense features of the pairs, d times [B, 1]."""
        rows = {"users": users, "movies": movies}
        return [
            values.index_select(0, rows[side]).unsqueeze(-1)
            for side, values in self._dense.values()
        ]

    def inputs(self, users: Tensor, movies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Returns:
            dense features, [B, d]; values of the sparse ones, feature after feature, [N]; how many
            each pair has of each, [F, B]
        """
        bags = self.bags(users, movies).values()
        dense = torch.cat(self.numbers(users, movies), dim=1)
        return dense, torch.cat([b.values for b in bags]), torch.stack([b.lengths for b in bags])

    def tensors(self) -> dict[str, Tensor]:
        """All that `from_tensors` needs, by names that keep the order."""
        tensors = {}
        for name, (side, bags) in self._sparse.items():
            tensors[f"{side}.{name}.values"] = bags.values
            if isinstance(bags, Lists):
                tensors[f"{side}.{name}.lengths"] = bags.lengths
        for name, (side, values) in self._dense.items():
            tensors[f"{side}.{name}.dense"] = values
        return tensors

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Pairs":
        sparse: dict[str, Sparse] = {}
        dense: dict[str, Dense] = {}
        for key, values in tensors.items():
            side, name, kind = key.split(".")
            assert side in ("users", "movies")
            if kind == "dense":
                dense[name] = Dense(side, values)  # type: ignore[arg-type]
            elif kind == "values":
                lengths = tensors.get(f"{side}.{name}.lengths")
                bags = Values(values) if lengths is None else Lists.of(values, lengths)
                sparse[name] = Sparse(side, bags)  # type: ignore[arg-type]
        return cls(sparse, dense)


def find_rows(ids: Sequence[int] | Tensor, known: Tensor) -> Tensor:
    """The row of each id among ascending known ones; their number for one that is not there, [B].

    Args:
        known: [T]
    """
    wanted = torch.as_tensor(ids).long()
    places = torch.searchsorted(known, wanted).clamp_(max=len(known) - 1)
    return torch.where(known.index_select(0, places) == wanted, places, len(known))
