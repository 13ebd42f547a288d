"""The features of any user with any movie, rated or not: those that need no other rating.

Every exported artifact holds a copy of this file, so it imports nothing but torch and `jagged`.

Shapes: B pairs, U users, M movies, d dense features.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from recsys.dataloader.jagged import Bags, Lists, Values

# The row of the embedding tables for users and movies that the training part has no rating of.
UNKNOWN = 0
TableName = Literal["users", "movies"]
# Where a feature's values come from: a table, or ratings.
Source = Literal["users", "movies", "ratings"]
# A sparse feature with one value a row, or with any number of values; or a number.
Kind = Literal["value", "list", "dense"]


class FeatureKind(NamedTuple):
    """Where a feature's values come from, and of what kind they are."""

    name: str
    table: Source
    kind: Kind


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

    def dense_matrix(self, users: Tensor, movies: Tensor) -> Tensor:
        """The dense features of the pairs, [B, d]; d may be 0."""
        return torch.cat([torch.empty(len(users), 0), *self.dense(users, movies)], dim=1)

    def kinds(self) -> list[FeatureKind]:
        """The features in the model's order: the sparse ones, then the dense ones."""
        return [
            FeatureKind(name, table, "list" if isinstance(bags, Lists) else "value")
            for name, (table, bags) in self._sparse.items()
        ] + [FeatureKind(name, table, "dense") for name, (table, _) in self._dense.items()]

    def to_tensors(self) -> dict[str, Tensor]:
        """The features' tensors: `<name>.values`, and of a list also `<name>.lengths`."""
        tensors = {f"{name}.values": feature.values for name, feature in self._dense.items()}
        for name, (_, bags) in self._sparse.items():
            tensors[f"{name}.values"] = bags.values
            if isinstance(bags, Lists):
                tensors[f"{name}.lengths"] = bags.lengths
        return tensors

    @classmethod
    def from_tensors(cls, kinds: Iterable[FeatureKind], tensors: Mapping[str, Tensor]) -> "Pairs":
        """The features of the tables, whose kinds and tensors `kinds` and `to_tensors` gave."""
        sparse: dict[str, SparseFeature] = {}
        dense: dict[str, DenseFeature] = {}
        for name, table, kind in kinds:
            if table == "ratings":
                continue
            values = tensors[f"{name}.values"]
            if kind == "dense":
                dense[name] = DenseFeature(table, values)
            elif kind == "value":
                sparse[name] = SparseFeature(table, Values(values))
            else:
                lists = Lists.from_lengths(values, tensors[f"{name}.lengths"])
                sparse[name] = SparseFeature(table, lists)
        return cls(sparse, dense)
