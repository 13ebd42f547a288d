"""One model over several processes, by TorchRec: planned, sharded, and gathered again."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed._shard.sharded_tensor.api import ShardedTensor
from torchrec import EmbeddingBagCollection
from torchrec.distributed.comm import get_local_size
from torchrec.distributed.embedding_types import EmbeddingComputeKernel
from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
from torchrec.distributed.model_parallel import (
    DefaultDataParallelWrapper,
    DistributedModelParallel,
)
from torchrec.distributed.planner import EmbeddingShardingPlanner, Topology
from torchrec.distributed.planner.types import ParameterConstraints
from torchrec.distributed.types import ShardingPlan, ShardingType
from torchrec.optim import RowWiseAdagrad
from torchrec.optim.apply_optimizer_in_backward import apply_optimizer_in_backward

from recsys.models.dlrm import DLRMRecommender
from recsys.models.embeddings import UnboundSparseArch
from recsys.storage.mapped import mapped_array
from recsys.training.params import TrainParams
from recsys.training.process_group import Group, World

# Of a table, when it comes together.
ROWS_AT_ONCE = 2**16
SHARDER = EmbeddingBagCollectionSharder()


def shard(model: DLRMRecommender, params: TrainParams, world: World) -> nn.Module:
    """The same model with the same weights, of which this process holds its part.

    Its parameters are local, a table that is elsewhere has an empty one, and their gradients are
    means over the processes. A world of one gets the model itself.
    """
    if not isinstance(world, Group):
        return model
    register_dense_lookup()
    weights = model.state_dict()
    collection = model.dlrm.sparse_arch.embedding_bag_collection
    # Which looks the collection up, whatever it has become; ours reads its tables.
    model.dlrm.sparse_arch = UnboundSparseArch(collection)
    # TorchRec makes copies of what it finds, and takes memory for its part only if it finds none.
    for bag in collection.embedding_bags.values():
        bag.weight = nn.Parameter(bag.weight.to("meta"))
    if params.embedding_optimizer == "rowwise_adagrad":
        step = {"lr": params.embedding_learning_rate}
        apply_optimizer_in_backward(RowWiseAdagrad, collection.parameters(), step)
    sharded: nn.Module = DistributedModelParallel(
        model,
        device=world.device,
        plan=_plan(model, collection, params, world),
        sharders=[SHARDER],
        # With a static graph gradients are put together in another order after the first step, so
        # that a run that goes on would end with other last digits.
        data_parallel_wrapper=DefaultDataParallelWrapper(
            static_graph=False, find_unused_parameters=True
        ),
    )
    _fill(sharded, weights)
    # Each drops its own; the weights had to be drawn alike.
    torch.manual_seed((params.seed + 1 + world.rank) % 2**63)
    return sharded


def _plan(
    model: nn.Module, collection: EmbeddingBagCollection, params: TrainParams, world: Group
) -> ShardingPlan:
    topology = Topology(
        world_size=world.size,
        local_world_size=get_local_size(world.size),
        compute_device=world.device.type,
    )
    planner = EmbeddingShardingPlanner(
        topology=topology,
        batch_size=-(-params.batch_size // world.size),
        constraints={
            table.name: _constraints(params) for table in collection.embedding_bag_configs()
        },
    )
    return planner.collective_plan(model, [SHARDER], dist.group.WORLD)


def _constraints(params: TrainParams) -> ParameterConstraints:
    """Where the planner may put a table."""
    if params.embedding_optimizer == "adam":
        # A gradient for every row, as Adam with weight decay needs, comes from the dense kernel,
        # which TorchRec only has for tables that are whole in every process.
        return ParameterConstraints(
            sharding_types=[ShardingType.DATA_PARALLEL.value],
            compute_kernels=[EmbeddingComputeKernel.DENSE.value],
        )
    return ParameterConstraints(compute_kernels=[EmbeddingComputeKernel.FUSED.value])


@torch.no_grad()
def _fill(sharded: nn.Module, weights: dict[str, Tensor]) -> None:
    for name, weight in sharded.state_dict().items():
        if not isinstance(weight, ShardedTensor):
            weight.copy_(weights[name])
            continue
        for piece in weight.local_shards():
            part = weights[name]
            for axis, start in enumerate(piece.metadata.shard_offsets):
                part = part.narrow(axis, start, piece.metadata.shard_sizes[axis])
            piece.tensor.copy_(part)


def gather(model: nn.Module, world: World, folder: Path) -> dict[str, Tensor]:
    """The weights by their names in the unsharded model; only the first process has all of them.

    Called by all processes. A divided table comes piece by piece to a mapped array in the folder:
    it may be larger than the first one's memory.
    """
    weights = {}
    device = next(model.parameters()).device
    for name, weight in model.state_dict().items():
        if not isinstance(weight, ShardedTensor):
            weights[name] = weight
            continue
        whole = None
        if world.rank == 0:
            whole = torch.from_numpy(mapped_array(tuple(weight.size()), np.float32, folder))
            weights[name] = whole
        _collect(weight, whole, world.rank, device)
    return weights


@torch.no_grad()
def _collect(table: ShardedTensor, whole: Tensor | None, rank: int, device: torch.device) -> None:
    """Copy a table's shards, some rows at a time, to where the first process has `whole`."""
    held = {tuple(shard.metadata.shard_offsets): shard.tensor for shard in table.local_shards()}
    for shard in table.metadata().shards_metadata:
        assert shard.placement is not None
        owner = shard.placement.rank()
        if rank not in (0, owner):
            continue
        (top, left), (rows, columns) = shard.shard_offsets, shard.shard_sizes
        for start in range(0, rows, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, rows - start)
            if rank == owner:
                piece = held[top, left].narrow(0, start, count).contiguous()
            else:
                piece = torch.empty(count, columns, device=device)
                dist.recv(piece, owner)
            if whole is None:
                dist.send(piece, 0)
            else:
                whole[top + start :, left : left + columns][:count] = piece


@cache
def register_dense_lookup() -> torch.library.Library:
    """Tell torch, once a process, that FBGEMM's dense CPU kernel has a backward pass.

    The kernel has one, but registers nothing under torch's autograd key. torch then warns that the
    gradients may be wrong. They are right (tests/training/test_distributed.py), and a fallthrough
    kernel is how torch asks to be told so.

    Returns:
        the registration, which lasts as long as this object; the cache keeps it.
    """
    library = torch.library.Library("fbgemm", "IMPL")
    library.impl(
        "dense_embedding_codegen_lookup_function", torch.library.fallthrough_kernel, "AutogradCPU"
    )
    return library
