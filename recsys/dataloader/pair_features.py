"""The features of any user with any movie that come from the users and movies tables alone.

Every exported artifact holds a copy of this file, so it imports torch and other copies.

Shapes: B pairs, U users, M movies, d dense features, V unique rows of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from recsys.dataloader.jagged import Bags, Lists, Values

# The row of the embedding tables for users and movies that the training part has no rating of.
UNKNOWN = 0


@dataclass(frozen=True)
class UniqueDense:
    """Dense features that are all columns of one table.

    Attributes:
        table: users or movies.
        rows: the unique rows of the features, [V, d]
        index: for each row of the table, its row in `rows`, [U] or [M]
    """

    table: str
    rows: Tensor
    index: Tensor


class PairFeatures:
    """Turns any users and movies, given by their rows, into model input.

    The tables may have one more row, U or M, for users and movies that they do not list.

    Args:
        sparse: for each feature, its table and the bag of each row.
        dense: for each feature, in the model's order, its table and the number of each row.
    """

    def __init__(
        self,
        sparse: Mapping[str, tuple[str, Values | Lists]],
        dense: Mapping[str, tuple[str, Tensor]],
    ) -> None:
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

    def dense(self, users: Tensor, movies: Tensor) -> Tensor:
        """The dense features of the pairs, [B, d]; d may be 0."""
        rows = {"users": users, "movies": movies}
        columns = [values.index_select(0, rows[table]) for table, values in self._dense.values()]
        return torch.stack(columns, dim=1) if columns else torch.empty(len(users), 0)

    def unique_dense(self) -> UniqueDense | None:
        """The unique rows of the dense features; None if they are not columns of one table."""
        tables = {table for table, _ in self._dense.values()}
        if len(tables) != 1:
            return None
        columns = torch.stack([values for _, values in self._dense.values()], dim=1)
        return UniqueDense(tables.pop(), *torch.unique(columns, dim=0, return_inverse=True))

    def to_tensors(self) -> dict[str, Tensor]:
        """The features' tensors; their names say the table, the kind and the feature."""
        tensors = {f"{table}.dense.{name}": values for name, (table, values) in self._dense.items()}
        for name, (table, bags) in self._sparse.items():
            tensors[f"{table}.values.{name}"] = bags.values
            if isinstance(bags, Lists):
                tensors[f"{table}.lengths.{name}"] = bags.lengths
        return tensors

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], dense_names: Iterable[str]
    ) -> "PairFeatures":
        """The features whose tensors `to_tensors` gave.

        Args:
            dense_names: of all dense features, in the model's order.
        """
        sparse: dict[str, tuple[str, Values | Lists]] = {}
        dense: dict[str, tuple[str, Tensor]] = {}
        for key, values in tensors.items():
            table, kind, name = key.split(".", 2)
            if kind == "dense":
                dense[name] = table, values
            elif kind == "values":
                lengths = tensors.get(f"{table}.lengths.{name}")
                bags = Values(values) if lengths is None else Lists.from_lengths(values, lengths)
                sparse[name] = table, bags
        return cls(sparse, {name: dense[name] for name in dense_names if name in dense})
