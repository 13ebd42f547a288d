"""Embedding tables and their lookups, with a backward pass by FBGEMM's CPU kernels.

Shapes: B batch, F sparse features, D embedding dimension, N values in a feature's bags.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
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
from torchrec.modules.embedding_configs import EmbeddingBagConfig, PoolingType

from recsys.models.params import ModelParams
from recsys.storage.mapped import mapped_array

POOLING = {PoolingType.SUM: PoolingMode.SUM, PoolingType.MEAN: PoolingMode.MEAN}
# For each feature without a table of its own, the feature whose table it looks up.
SharedTables = Mapping[str, str]


def make_tables(
    vocabulary_sizes: Mapping[str, int],
    params: ModelParams,
    folder: Path | None = None,
    shared: SharedTables = MappingProxyType({}),
) -> EmbeddingBagCollection:
    """An embedding table for each feature, or for several features that look up the same ids.

    Args:
        vocabulary_sizes: for each sparse feature, the number of rows of its table. Features that
            share a table stand side by side.
        folder: for files that the tables are mapped from; None keeps them in memory.
        shared: for each feature without a table of its own, the feature whose table it looks up.
    """
    features: dict[str, list[str]] = {}
    for feature in vocabulary_sizes:
        features.setdefault(shared.get(feature, feature), []).append(feature)
    tables = [
        EmbeddingBagConfig(
            name=table,
            feature_names=names,
            num_embeddings=vocabulary_sizes[names[0]],
            embedding_dim=params.embedding_dimension,
            pooling=PoolingType[params.pooling.upper()],
            init_fn=partial(nn.init.normal_, std=params.embedding_std),
        )
        for table, names in features.items()
    ]
    if folder is None:
        return EmbeddingBagCollection(tables)
    collection = EmbeddingBagCollection(tables, device=torch.device("meta"))
    bags = collection.embedding_bags
    for table in tables:
        shape = table.num_embeddings, table.embedding_dim
        weight = torch.from_numpy(mapped_array(shape, np.float32, folder))
        bags[table.name].weight = nn.Parameter(weight)
    # TorchRec draws each table twice. This does too, so that a seed gives the same weights with and
    # without a folder.
    for bag in bags.values():
        bag.reset_parameters()
    for table in tables:
        table.init_fn(bags[table.name].weight)
    return collection


class UnboundSparseArch(SparseArch):
    """TorchRec's `SparseArch` with one tensor a feature, as the interactions take them."""

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
    """The same vectors and gradients, with a faster backward pass on a CPU.

    `EmbeddingBagCollection` calls `nn.EmbeddingBag`, whose backward pass sorts the values of each
    feature. FBGEMM's kernel, which TorchRec's sharded modules use, does not. The gradients are
    dense: they have all rows of their tables, so any optimizer works.
    """

    def forward(self, features: KeyedJaggedTensor) -> tuple[Tensor, ...]:
        """
        Args:
            features: F features of B bags each

        Returns:
            F times [B, D]

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
    """A feature's pooled vectors: torch computes the forward pass, FBGEMM the backward pass.

    FBGEMM's forward kernel takes three times as long when the table is not in the cache.
    """

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, values: Tensor, offsets: Tensor, pooling: PoolingType
    ) -> Tensor:
        """
        Args:
            table: [rows, D]
            values: [N]
            offsets: the position of each bag's first value, then N, [B + 1]

        Returns:
            [B, D]
        """
        offsets = offsets.to(values.dtype)
        ctx.pooling = pooling
        ctx.save_for_backward(table, values, offsets)
        # torch prepares nothing for a backward pass through a detached table.
        return functional.embedding_bag(
            values, table.detach(), offsets, mode=pooling.value.lower(), include_last_offset=True
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """
        Args:
            gradient: [B, D]

        Returns:
            the gradient of the table, [rows, D], and None for the other arguments
        """
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
    """The same vectors, with the optimizer's step in the backward pass: fused row-wise Adagrad.

    A step changes only the rows that the batch looked up, and stores no gradient. So it does not
    slow down as the tables grow (Gupta et al. 2014, "Training Highly Multiclass Classifiers";
    Khudia et al. 2021, FBGEMM). The collection's weights become views of the kernel's weights:
    reading and loading a state dict works as before.

    Args:
        collection: tables with their weights, on the device of the training.
        learning_rate: the step size of Adagrad.
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
        # A tuple hides the kernel from torch, which would register its weights a second time.
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
            # TorchRec marks in this way the weights that another optimizer must leave alone.
            bag.weight._in_backward_optimizers = []

    def forward(self, features: KeyedJaggedTensor) -> tuple[Tensor, ...]:
        """
        Args:
            features: F features of B bags each, in the order of their tables

        Returns:
            F times [B, D]
        """
        values = features.values()
        pooled: Tensor = self.kernel[0](values, features.offsets().to(values.dtype))
        return pooled.view(-1, self.F, self.D).unbind(1)


def tables_of_features(collection: EmbeddingBagCollection) -> list[int]:
    """For each feature, the position of its table."""
    tables = collection.embedding_bag_configs()
    return [place for place, table in enumerate(tables) for _ in table.feature_names]


def fused_optimizer_states(model: nn.Module) -> list[Tensor]:
    """The states of the fused optimizers, a tensor for each table of this process; not copies."""
    kernels = [m for m in model.modules() if isinstance(m, SplitTableBatchedEmbeddingBagsCodegen)]
    kernels += [m.kernel[0] for m in model.modules() if isinstance(m, FusedSparseArch)]
    return [state for k in kernels for table in k.split_optimizer_states() for state in table]
