"""Embedding tables in plain torch, of any precision, for models that only score.

Every exported artifact holds a copy of this file, so it imports torch and other copies.

Shapes: R rows of a table, D embedding dimension, B bags, N values in them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

PRECISIONS = {"int8": torch.uint8, "fp16": torch.float16, "fp32": torch.float32}


class PlainTables(nn.Module):
    """The tables of a model; their weights have the names that they have in TorchRec's collection.

    Args:
        embedding_rows: the number of rows of each table.
        tables: for each sparse feature, in the model's order, its table.
        dimension: D
        pooling: of a bag's vectors, "mean" or "sum".
        has_ranges: whether the rows are bytes.
    """

    def __init__(
        self,
        embedding_rows: Mapping[str, int],
        tables: Mapping[str, str],
        dimension: int,
        pooling: str,
        has_ranges: bool = False,
    ) -> None:
        super().__init__()
        self.tables, self.pooling = tables, pooling
        self.embedding_bags: Mapping[str, EmbeddingTable] = nn.ModuleDict(  # type: ignore[assignment]
            {
                table: EmbeddingTable(rows, dimension, has_ranges)
                for table, rows in embedding_rows.items()
            }
        )

    def forward(self, bags: Mapping[str, tuple[Tensor, Tensor | None]]) -> list[Tensor]:
        """
        Args:
            bags: of each sparse feature, by name, the values of B bags, [N], and their lengths,
                [B]; None if each bag has one value

        Returns:
            the pooled vectors, F times [B, D]
        """
        return [
            self.embedding_bags[table].pool(*bags[feature], self.pooling)
            for feature, table in self.tables.items()
        ]


class EmbeddingTable(nn.Module):
    """A row is D floats, D halves or D codes of a byte.

    A code stands for scale * code + bias, where scale and bias are the row's own halves: FBGEMM's
    int8 rows.
    """

    def __init__(self, rows: int, dimension: int, has_ranges: bool) -> None:
        super().__init__()
        self.weight: Tensor  # [R, D]
        self.ranges: Tensor | None  # [R, 2]
        self.register_buffer("weight", torch.empty(rows, dimension))
        self.register_buffer("ranges", torch.empty(rows, 2) if has_ranges else None)

    def take(self, values: Tensor) -> Tensor:
        """The vectors of these rows, [N, D].

        Args:
            values: [N]
        """
        rows = self.weight.index_select(0, values).float()
        if self.ranges is None:
            return rows
        scale, bias = self.ranges.index_select(0, values).float().split(1, dim=1)  # [N, 1] each
        return torch.addcmul(bias, rows, scale)

    def pool(self, values: Tensor, lengths: Tensor | None, pooling: str) -> Tensor:
        """The sum or mean of each bag's vectors, 0 for an empty bag, [B, D]."""
        if lengths is None:
            return self.take(values)
        return functional.embedding_bag(
            torch.arange(len(values)),
            self.take(values),
            functional.pad(lengths.cumsum(0), (1, 0)),
            mode=pooling,
            include_last_offset=True,
        )
