"""The features of any user with any movie, rated or not: those that need no other rating.

Every exported artifact holds a copy of this file, so it imports nothing but torch and `jagged`.

Shapes: B pairs, U users, M movies, d dense features, N values of a feature's bags.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from recsys.dataloader.jagged import Bags, Lists, Values

# The row of the embedding tables for users and movies that the training part has no rating of.
UNKNOWN = 0
TableName = Literal["users", "movies"]


class SparseFeature(NamedTuple):
    """The bag of each row of a table."""

    table: TableName
    bags: Values | Lists


class DenseFeature(NamedTuple):
    """The number of each row of a table."""

    table: TableName
    values: Tensor


class Pairs:
    """Turns any users and movies, given by their rows, into model input.

    The tables may have one more row, U or M, for users and movies that they do not list.

    Args:
        sparse: by name, in the model's order.
        dense: by name, in the model's order.
    """

    def __init__(self, sparse: dict[str, SparseFeature], dense: dict[str, DenseFeature]) -> None:
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
        return {name: bags.take(rows[table]) for name, (table, bags) in self._sparse.items()}

    def dense(self, users: Tensor, movies: Tensor) -> list[Tensor]:
        """The dense features of the pairs, d times [B, 1]."""
        rows = {"users": users, "movies": movies}
        return [
            values.index_select(0, rows[table]).unsqueeze(-1)
            for table, values in self._dense.values()
        ]

    def inputs(self, users: Tensor, movies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Everything that the model takes.

        Returns:
            the dense features, [B, d]; the values of the sparse features, feature after feature,
            [N]; the number of values that each pair has of each feature, [F, B]
        """
        bags = self.bags(users, movies).values()
        dense = torch.cat(self.dense(users, movies), dim=1)
        return dense, torch.cat([b.values for b in bags]), torch.stack([b.lengths for b in bags])

    def to_tensors(self) -> dict[str, Tensor]:
        """Everything that `from_tensors` needs, in the order of the features."""
        tensors = {}
        for name, (table, bags) in self._sparse.items():
            tensors[f"{table}.{name}.values"] = bags.values
            if isinstance(bags, Lists):
                tensors[f"{table}.{name}.lengths"] = bags.lengths
        for name, (table, values) in self._dense.items():
            tensors[f"{table}.{name}.dense"] = values
        return tensors

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Pairs":
        """The features that `to_tensors` wrote."""
        sparse: dict[str, SparseFeature] = {}
        dense: dict[str, DenseFeature] = {}
        for key, values in tensors.items():
            table, name, kind = key.split(".")
            assert table in ("users", "movies")
            if kind == "dense":
                dense[name] = DenseFeature(table, values)  # type: ignore[arg-type]
            elif kind == "values":
                lengths = tensors.get(f"{table}.{name}.lengths")
                bags = Values(values) if lengths is None else Lists.from_lengths(values, lengths)
                sparse[name] = SparseFeature(table, bags)  # type: ignore[arg-type]
        return cls(sparse, dense)


def find_rows(ids: Sequence[int] | Tensor, known: Tensor) -> Tensor:
    """The row of each id in a table, [B]; T for an id that the table does not have.

    Args:
        known: the ids of the table's rows, ascending, [T]
    """
    wanted = torch.as_tensor(ids).long()
    places = torch.searchsorted(known, wanted).clamp_(max=len(known) - 1)
    return torch.where(known.index_select(0, places) == wanted, places, len(known))
