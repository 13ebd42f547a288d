"""All embedding lookups of a batch in one call, by FBGEMM's table-batched kernels.

Shapes: B batch, F features, D embedding dimension, N values in all bags.
"""

from itertools import accumulate
from typing import Any

import torch
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    ComputeDevice,
    SplitTableBatchedEmbeddingBagsCodegen,
)
from torch import Tensor, nn
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.models.dlrm import SparseArch
from torchrec.modules.embedding_configs import PoolingType

POOLING = {PoolingType.SUM: PoolingMode.SUM, PoolingType.MEAN: PoolingMode.MEAN}


class FusedSparseArch(SparseArch):
    """TorchRec's `SparseArch` whose way back is the optimizer's step: row-wise Adagrad, fused.

    Only the rows that the batch looked up are touched, and no gradient is written down, so a step
    does not slow down as the tables grow (Gupta et al. 2014, "Training Highly Multiclass
    Classifiers"; Khudia et al. 2021, FBGEMM). The collection's weights become views of the
    kernel's: whoever reads or loads them there sees the trained ones.

    Args:
        collection: its weights go on from their values, on their device.
        learning_rate: of the tables.
    """

    def __init__(self, collection: EmbeddingBagCollection, learning_rate: float) -> None:
        super().__init__(collection)
        tables = collection.embedding_bag_configs()
        bags = collection.embedding_bags.values()
        device = next(collection.parameters()).device
        on_gpu = device.type == "cuda"
        place = (
            EmbeddingLocation.DEVICE if on_gpu else EmbeddingLocation.HOST,
            ComputeDevice.CUDA if on_gpu else ComputeDevice.CPU,
        )
        # In a tuple, so that its weights are not the module's a second time.
        self.kernel = (
            SplitTableBatchedEmbeddingBagsCodegen(
                [(t.num_embeddings, t.embedding_dim, *place) for t in tables],
                feature_table_map=tables_of_features(collection),
                pooling_mode=POOLING[tables[0].pooling],
                optimizer=EmbOptimType.EXACT_ROWWISE_ADAGRAD,
                learning_rate=learning_rate,
                device=device,
            ),
        )
        for bag, weight in zip(bags, self.kernel[0].split_embedding_weights(), strict=True):
            bag.weight.data = weight.copy_(bag.weight.data)
            # TorchRec's mark of weights that are none of the optimizer's.
            bag.weight._in_backward_optimizers = []

    def forward(self, features: KeyedJaggedTensor) -> Tensor:
        """
        Args:
            features: F features of B bags each, in the order of their tables

        Returns:
            [B, F, D]
        """
        values = features.values()
        pooled: Tensor = self.kernel[0](values, features.offsets().to(values.dtype))
        return pooled.view(-1, self.F, self.D)


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
        starts = rows[tables_of_features(collection)]
        self.layout: dict[str, Any] = {
            "hash_size_cumsum": torch.cat([starts, rows[-1:]]),
            "total_hash_size_bits": int(rows[-1]).bit_length(),
            "weights_offsets": starts * self.D,
            "D_offsets": torch.arange(self.F + 1, dtype=torch.int32) * self.D,
            "max_D": self.D,
            "pooling_mode": POOLING[tables[0].pooling].value,
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
            total_D=len(layout["weights_offsets"]) * layout["max_D"],
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


def tables_of_features(collection: EmbeddingBagCollection) -> list[int]:
    """The position of each feature's table."""
    tables = collection.embedding_bag_configs()
    return [place for place, table in enumerate(tables) for _ in table.feature_names]


def momenta(model: nn.Module) -> list[Tensor]:
    """What the fused optimizer of the local tables keeps; changing them counts."""
    kernels = [m for m in model.modules() if isinstance(m, SplitTableBatchedEmbeddingBagsCodegen)]
    kernels += [m.kernel[0] for m in model.modules() if isinstance(m, FusedSparseArch)]
    return [state for k in kernels for table in k.split_optimizer_states() for state in table]
