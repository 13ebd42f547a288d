"""Divides a model among several processes with TorchRec, and gathers its weights afterwards."""

import os
from contextlib import suppress
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
from recsys.storage.mapped import mapped_array
from recsys.training.params import TrainParams
from recsys.training.process_group import ProcessGroup, TorchProcessGroup

# How many rows of a divided table are gathered at a time.
ROWS_AT_ONCE = 2**16
# The memory limit of a container, by control groups of version 2 and 1.
CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
SHARDER = EmbeddingBagCollectionSharder()


def shard(model: DLRMRecommender, params: TrainParams, group: ProcessGroup) -> nn.Module:
    """Divide a model among the processes of a group; in a group of one, return the model itself.

    The returned model has the same weights. Its parameters are those of this process. A table that
    lies in another process is an empty parameter here. Gradients are means over the processes.
    """
    if not isinstance(group, TorchProcessGroup):
        return model
    register_dense_lookup()
    weights = model.state_dict()
    _prepare_tables(model.tables, params)
    sharded: nn.Module = DistributedModelParallel(
        model,
        device=group.device,
        plan=_make_plan(model, params, group),
        sharders=[SHARDER],
        # A static graph adds gradients in another order after the first step. A resumed run would
        # then differ in the last digits.
        data_parallel_wrapper=DefaultDataParallelWrapper(
            static_graph=False, find_unused_parameters=True
        ),
    )
    _load_weights(sharded, weights)
    # The first weights had to be the same in all processes; dropout must differ.
    torch.manual_seed((params.seed + 1 + group.rank) % 2**63)
    return sharded


def _prepare_tables(tables: EmbeddingBagCollection, params: TrainParams) -> None:
    """Make TorchRec able to replace embedding tables; they lose their weights."""
    # TorchRec copies existing weights. On the meta device there are none, so it allocates only the
    # part of this process.
    for bag in tables.embedding_bags.values():
        bag.weight = nn.Parameter(bag.weight.to("meta"))
    if params.embedding_optimizer == "rowwise_adagrad":
        options = {"lr": params.embedding_learning_rate}
        apply_optimizer_in_backward(RowWiseAdagrad, tables.parameters(), options)


def make_topology(size: int, device: torch.device) -> Topology:
    """The processes and the memory that the planner may give to each.

    Args:
        size: the number of processes.
    """
    local = get_local_size(size)
    gpu = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
    return Topology(
        world_size=size,
        local_world_size=local,
        compute_device=device.type,
        hbm_cap=gpu,
        ddr_cap=available_memory() // local,
    )


def available_memory() -> int:
    """The bytes of memory that the processes of this machine may use together.

    That is the machine's memory, or the limit of the container that this process runs in.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in CONTAINER_LIMITS:
        # Without a limit, the file has the word "max" or a number beyond any machine's memory.
        with suppress(OSError, ValueError):
            limits.append(int(file.read_text()))
    return min(limits)


def _make_plan(
    model: DLRMRecommender, params: TrainParams, group: TorchProcessGroup
) -> ShardingPlan:
    """TorchRec's plan of which process has which part of which table."""
    planner = EmbeddingShardingPlanner(
        topology=make_topology(group.size, group.device),
        batch_size=-(-params.batch_size // group.size),
        constraints={
            table.name: _make_constraints(params) for table in model.tables.embedding_bag_configs()
        },
    )
    return planner.collective_plan(model, [SHARDER], dist.group.WORLD)


def _make_constraints(params: TrainParams) -> ParameterConstraints:
    """Where the planner may put a table."""
    if params.embedding_optimizer == "adam":
        # Adam with weight decay needs a gradient for every row. Only the dense kernel gives one,
        # and TorchRec has that kernel only for tables that are whole in every process.
        return ParameterConstraints(
            sharding_types=[ShardingType.DATA_PARALLEL.value],
            compute_kernels=[EmbeddingComputeKernel.DENSE.value],
        )
    return ParameterConstraints(compute_kernels=[EmbeddingComputeKernel.FUSED.value])


@torch.no_grad()
def _load_weights(sharded: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy the weights of the whole model to the parts that this process has."""
    for name, weight in sharded.state_dict().items():
        if not isinstance(weight, ShardedTensor):
            weight.copy_(weights[name])
            continue
        for local in weight.local_shards():
            part = weights[name]
            for axis, start in enumerate(local.metadata.shard_offsets):
                part = part.narrow(axis, start, local.metadata.shard_sizes[axis])
            local.tensor.copy_(part)


def gather(model: nn.Module, group: ProcessGroup, folder: Path) -> dict[str, Tensor]:
    """The weights by their names in the unsharded model. Only the first process gets all of them.

    All processes must call this. Divided tables are gathered into arrays that are mapped from
    files, because a table may be larger than the memory of the first process.

    Args:
        folder: for the mapped files.
    """
    weights = {}
    device = next(model.parameters()).device
    for name, weight in model.state_dict().items():
        if not isinstance(weight, ShardedTensor):
            weights[name] = weight
            continue
        whole = None
        if group.rank == 0:
            whole = torch.from_numpy(mapped_array(tuple(weight.size()), np.float32, folder))
            weights[name] = whole
        _gather_table(weight, whole, group.rank, device)
    return weights


@torch.no_grad()
def _gather_table(
    table: ShardedTensor, whole: Tensor | None, rank: int, device: torch.device
) -> None:
    """Copy the shards of a table into `whole`, some rows at a time.

    Args:
        whole: the array of the first process, None in the others.
    """
    local = {tuple(shard.metadata.shard_offsets): shard.tensor for shard in table.local_shards()}
    for shard in table.metadata().shards_metadata:
        assert shard.placement is not None
        owner = shard.placement.rank()
        if rank not in (0, owner):
            continue
        (top, left), (rows, columns) = shard.shard_offsets, shard.shard_sizes
        for start in range(0, rows, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, rows - start)
            if rank == owner:
                piece = local[top, left].narrow(0, start, count).contiguous()
            else:
                piece = torch.empty(count, columns, device=device)
                dist.recv(piece, owner)
            if whole is None:
                dist.send(piece, 0)
            else:
                whole[top + start :, left : left + columns][:count] = piece


@cache
def register_dense_lookup() -> torch.library.Library:
    """Tell torch that FBGEMM's dense CPU kernel has a backward pass; once in a process.

    The kernel registers nothing under torch's autograd key. So torch warns that the gradients may
    be wrong. They are right (tests/training/test_distributed.py). Torch's own remedy is to
    register a fallthrough kernel.

    Returns:
        the registration, which lasts as long as this object; the cache keeps it.
    """
    library = torch.library.Library("fbgemm", "IMPL")
    library.impl(
        "dense_embedding_codegen_lookup_function", torch.library.fallthrough_kernel, "AutogradCPU"
    )
    return library
