"""All embedding lookups of a batch in one call, by FBGEMM's table-batched kernels.

Shapes: B batch, F features, D embedding dimension, N values in all bags.
"""

from itertools import accumulate
from typing import Any

import torch
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    SplitTableBatchedEmbeddingBagsCodegen,
)
from torch import Tensor, nn
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.models.dlrm import SparseArch
from torchrec.modules.embedding_configs import PoolingType


class TableBatchedSparseArch(SparseArch):
    """TorchRec's `SparseArch` through the kernel of its sharded modules (FBGEMM, "dense").

    `EmbeddingBagCollection` calls `nn.EmbeddingBag` for each feature, which sorts on the way back;
    together they take four times as long. The gradients are the same, so any optimizer works.
    """

    def __init__(self, collection: EmbeddingBagCollection) -> None:
        super().__init__(collection)
        tables = collection.embedding_bag_configs()
        # Where each table begins among all weights end to end, in rows and in numbers, and where
        # each feature begins in the output, in columns.
        rows = torch.tensor(list(accumulate((t.num_embeddings for t in tables), initial=0)))
        self.layout: dict[str, Any] = {
            "hash_size_cumsum": rows,
            "total_hash_size_bits": int(rows[-1]).bit_length(),
            "weights_offsets": rows[:-1] * self.D,
            "D_offsets": torch.arange(self.F + 1, dtype=torch.int32) * self.D,
            "max_D": self.D,
            "pooling_mode": {PoolingType.SUM: 0, PoolingType.MEAN: 1}[tables[0].pooling],
            "indice_weights": None,
        }

    def forward(self, features: KeyedJaggedTensor) -> Tensor:
        """
        Args:
            features: F features of B bags each, in the order of the tables

        Returns:
            [B, F, D]

        Raises:
            RuntimeError: an index is outside of its table.
        """
        if features.values().is_cuda:
            pooled: Tensor = super().forward(features)
            return pooled
        bags = self.embedding_bag_collection.embedding_bags.values()
        offsets = features.offsets().to(features.values().dtype)
        tables = [bag.weight for bag in bags]
        output: Tensor = _Lookup.apply(self.layout, features.values(), offsets, *tables)
        return output.view(-1, self.F, self.D)


class _Lookup(torch.autograd.Function):
    """FBGEMM registers no autograd for its kernel on a CPU, so that torch warns of gradients that
    may be wrong; here the way back is called by name."""

    @staticmethod
    def forward(
        ctx: Any, layout: dict[str, Any], values: Tensor, offsets: Tensor, *tables: Tensor
    ) -> Tensor:
        """
        Args:
            values: [N]
            offsets: where each bag begins, feature after feature, and N, [F * B + 1]
            tables: [rows, D] for each feature

        Returns:
            [B, F * D]
        """
        # As long a copy as one of the several passes that Adam makes over the tables.
        weights = torch.cat([table.flatten() for table in tables])
        ctx.layout, ctx.shapes = layout, [table.shape for table in tables]
        ctx.save_for_backward(weights, values, offsets)
        pooled: Tensor = torch.ops.fbgemm.dense_embedding_codegen_lookup_function(
            dev_weights=weights,
            indices=values,
            offsets=offsets,
            total_D=len(tables) * layout["max_D"],
            feature_requires_grad=None,
            **layout,
        )
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weights, values, offsets = ctx.saved_tensors
        flat = torch.ops.fbgemm.split_embedding_backward_codegen_dense_cpu(
            grad_output=gradient.contiguous(),
            host_weights=weights,
            indices=values,
            offsets=offsets,
            **ctx.layout,
        )
        pieces = flat.split([shape.numel() for shape in ctx.shapes])
        gradients = [piece.view(shape) for piece, shape in zip(pieces, ctx.shapes, strict=True)]
        return None, None, None, *gradients


def momenta(model: nn.Module) -> list[Tensor]:
    """What the fused optimizer of the local tables keeps; changing them counts."""
    kernels = [m for m in model.modules() if isinstance(m, SplitTableBatchedEmbeddingBagsCodegen)]
    return [state for k in kernels for table in k.split_optimizer_states() for state in table]
