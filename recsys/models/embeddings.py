"""Embedding tables and their lookups: TorchRec's collections, with a faster gradient on a CPU.

Shapes: B batch, F sparse features, D embedding dimension, N values in a feature's bags.
"""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

# Registers FBGEMM's operators.
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    SplitTableBatchedEmbeddingBagsCodegen,
)
from torch import Tensor, nn
from torch.nn import functional
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.modules.embedding_configs import (
    EmbeddingBagConfig,
    PoolingType,
    pooling_type_to_pooling_mode,
)
from torchrec.modules.fused_embedding_modules import FusedEmbeddingBagCollection
from torchrec.optim import RowWiseAdagrad

from recsys.models.description import Architecture
from recsys.storage.mapped import mapped_array

# FBGEMM's operator for the gradient, and the arguments that `_Lookup` gives it. The operator is not
# public: where it is missing or has other arguments, torch computes the gradient.
GRADIENT = "split_embedding_backward_codegen_dense_cpu"
GRADIENT_ARGUMENTS = (
    "grad_output",
    "host_weights",
    "weights_offsets",
    "D_offsets",
    "max_D",
    "hash_size_cumsum",
    "total_hash_size_bits",
    "indices",
    "offsets",
    "pooling_mode",
    "indice_weights",
)


def make_tables(
    embedding_rows: Mapping[str, int],
    tables: Mapping[str, str],
    architecture: Architecture,
    folder: Path | None = None,
) -> EmbeddingBagCollection:
    """Embedding tables with random weights.

    Args:
        embedding_rows: the number of rows of each table.
        tables: for each sparse feature, its table. Features that share one stand side by side.
        folder: for files that the tables are mapped from; None keeps them in memory.
    """
    configs = [
        EmbeddingBagConfig(
            name=table,
            feature_names=[feature for feature, name in tables.items() if name == table],
            num_embeddings=rows,
            embedding_dim=architecture.embedding_dimension,
            pooling=PoolingType[architecture.pooling.upper()],
            init_fn=partial(nn.init.normal_, std=architecture.embedding_std),
        )
        for table, rows in embedding_rows.items()
    ]
    # TorchRec's constructor would draw each table twice. On "meta" it draws none.
    device = torch.get_default_device()
    collection = EmbeddingBagCollection(configs, device=torch.device("meta"))
    for config in configs:
        shape = config.num_embeddings, config.embedding_dim
        if folder is None:
            weight = torch.empty(shape, device=device)
        else:
            weight = torch.from_numpy(mapped_array(shape, np.float32, folder))
        collection.embedding_bags[config.name].weight = nn.Parameter(config.init_fn(weight))
    return collection


def fuse_optimizer(
    tables: EmbeddingBagCollection, learning_rate: float
) -> FusedEmbeddingBagCollection:
    """The same tables with row-wise Adagrad in their backward pass, on the device of the weights.

    A step changes only the rows that the batch looked up, and stores no gradient. So it does not
    slow down as the tables grow (Gupta et al. 2014, "Training Highly Multiclass Classifiers";
    Khudia et al. 2021, FBGEMM).
    """
    fused = FusedEmbeddingBagCollection(
        tables.embedding_bag_configs(),
        optimizer_type=RowWiseAdagrad,
        optimizer_kwargs={"lr": learning_rate},
        device=next(tables.parameters()).device,
    )
    fused.load_state_dict(tables.state_dict())
    for weight in fused.parameters():
        # TorchRec marks in this way the weights that another optimizer must leave alone.
        weight._in_backward_optimizers = []
    return fused


def fused_optimizer_states(model: nn.Module) -> list[Tensor]:
    """The states of the fused optimizers, a tensor for each table of this process; not copies."""
    kernels = [m for m in model.modules() if isinstance(m, SplitTableBatchedEmbeddingBagsCodegen)]
    states = [state for k in kernels for table in k.split_optimizer_states() for state in table]
    for module in model.modules():
        if isinstance(module, FusedEmbeddingBagCollection):
            tables = module.fused_optimizer().state.values()
            states += [state for table in tables for state in table.values()]
    return states


def look_up(tables: EmbeddingBagCollection, features: KeyedJaggedTensor) -> tuple[Tensor, ...]:
    """The pooled vectors of each feature, F times [B, D].

    `EmbeddingBagCollection` calls `nn.EmbeddingBag`, whose backward pass on a CPU sorts the values
    of each feature. FBGEMM's does not, so it is used instead. Its gradients are dense, so any
    optimizer works.

    Args:
        tables: TorchRec's collection: plain, fused, or sharded among processes.
        features: F features of B bags each.

    Raises:
        RuntimeError: an index is outside of its table.
    """
    if type(tables) is EmbeddingBagCollection and has_fast_gradient(features.values().device.type):
        bags = features.to_dict()
        return tuple(
            _Lookup.apply(
                tables.embedding_bags[config.name].weight,
                bags[name].values(),
                bags[name].offsets(),
                config.pooling,
            )
            for config in tables.embedding_bag_configs()
            for name in config.feature_names
        )
    # Of sharded tables, the attribute waits for the other processes.
    pooled = tables(features).to_dict()
    return tuple(pooled[name] for name in features.keys())  # noqa: SIM118


@cache
def has_fast_gradient(device: str) -> bool:
    """Whether FBGEMM has the gradient that `_Lookup` calls, for this type of device."""
    if device != "cpu":
        return False
    operator = getattr(torch.ops.fbgemm, GRADIENT, None)
    if operator is None:
        return False
    arguments = operator.default._schema.arguments
    required = tuple(argument.name for argument in arguments if not argument.has_default_value())
    return required == GRADIENT_ARGUMENTS


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
        flat = getattr(torch.ops.fbgemm, GRADIENT)(
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
            pooling_mode=pooling_type_to_pooling_mode(ctx.pooling).value,
            indice_weights=None,
        )
        return flat.view(rows, dimension), None, None, None
