"""Embedding lookups of a batch, and their way back, by FBGEMM's kernels for CPUs.

Shapes: B batch, F features, D embedding dimension, N values in a feature's bags.
"""

from typing import Any

import torch
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    ComputeDevice,
    SplitTableBatchedEmbeddingBagsCodegen,
)
from torch import Tensor, nn
from torch.nn import functional
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.models.dlrm import SparseArch
from torchrec.modules.embedding_configs import PoolingType

POOLING = {PoolingType.SUM: PoolingMode.SUM, PoolingType.MEAN: PoolingMode.MEAN}


class UnboundSparseArch(SparseArch):
    """TorchRec's `SparseArch` with a tensor for each feature, as the interactions take them.

    One for all, [B, F, D], is a copy on the way there and another one on the way back.
    """

    def forward(self, features: KeyedJaggedTensor) -> tuple[Tensor, ...]:
        """
        Args:
            features: F features of B bags each

        Returns:
            F times [B, D]
        """
        pooled: Tensor = super().forward(features)
        return pooled.unbind(1)


class DenseSparseArch(UnboundSparseArch):
    """The same vectors and gradients, with the way back of TorchRec's sharded modules.

    That of `nn.EmbeddingBag`, which `EmbeddingBagCollection` calls, sorts the values of each
    feature. The gradients have all rows of their tables, so any optimizer works.
    """

    def forward(self, features: KeyedJaggedTensor) -> tuple[Tensor, ...]:
        """
        Raises:
            RuntimeError: an index is outside of its table.
        """
        if features.values().is_cuda:
            return super().forward(features)
        bags = features.to_dict()
        tables = self.embedding_bag_collection.embedding_bags
        return tuple(
            _Lookup.apply(
                tables[config.name].weight,
                bags[name].values(),
                bags[name].offsets(),
                config.pooling,
            )
            for config in self.embedding_bag_collection.embedding_bag_configs()
            for name in config.feature_names
        )


class _Lookup(torch.autograd.Function):
    """A feature's vectors: forward as torch does it, back by FBGEMM.

    FBGEMM's kernel takes three times as long forward when the table is not in the cache.
    """

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, values: Tensor, offsets: Tensor, pooling: PoolingType
    ) -> Tensor:
        """
        Args:
            table: [rows, D]
            values: [N]
            offsets: where each bag begins, and N, [B + 1]

        Returns:
            [B, D]
        """
        offsets = offsets.to(values.dtype)
        ctx.pooling = pooling
        ctx.save_for_backward(table, values, offsets)
        # Detached, it knows that no gradient will be asked of it.
        return functional.embedding_bag(
            values, table.detach(), offsets, mode=pooling.value.lower(), include_last_offset=True
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        table, values, offsets = ctx.saved_tensors
        rows, dimension = table.shape
        flat = torch.ops.fbgemm.split_embedding_backward_codegen_dense_cpu(
            grad_output=gradient.contiguous(),
            host_weights=table.flatten(),
            # One table, which begins at 0.
            weights_offsets=torch.tensor([0]),
            D_offsets=torch.tensor([0, dimension], dtype=torch.int32),
            max_D=dimension,
            hash_size_cumsum=torch.tensor([0, rows]),
            total_hash_size_bits=rows.bit_length(),
            indices=values,
            offsets=offsets,
            pooling_mode=POOLING[ctx.pooling].value,
            indice_weights=None,
        )
        return flat.view(rows, dimension), None, None, None


class FusedSparseArch(UnboundSparseArch):
    """The same vectors, whose way back is the optimizer's step: row-wise Adagrad, fused.

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

    def forward(self, features: KeyedJaggedTensor) -> tuple[Tensor, ...]:
        """
        Args:
            features: F features of B bags each, in the order of their tables
        """
        values = features.values()
        pooled: Tensor = self.kernel[0](values, features.offsets().to(values.dtype))
        return pooled.view(-1, self.F, self.D).unbind(1)


def tables_of_features(collection: EmbeddingBagCollection) -> list[int]:
    """The position of each feature's table."""
    tables = collection.embedding_bag_configs()
    return [place for place, table in enumerate(tables) for _ in table.feature_names]


def momenta(model: nn.Module) -> list[Tensor]:
    """What the fused optimizer of the local tables keeps; changing them counts."""
    kernels = [m for m in model.modules() if isinstance(m, SplitTableBatchedEmbeddingBagsCodegen)]
    kernels += [m.kernel[0] for m in model.modules() if isinstance(m, FusedSparseArch)]
    return [state for k in kernels for table in k.split_optimizer_states() for state in table]
