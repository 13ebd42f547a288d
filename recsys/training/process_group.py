"""The processes that train one model together."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from recsys.common.errors import InputError

Item = TypeVar("Item")


class ProcessGroup:
    """A group of one: this process alone, which needs no communication.

    `TorchProcessGroup` overrides the methods for a group of several.

    Attributes:
        rank: the number of this process in the group, from 0.
        size: the number of processes, also called the world size.
    """

    rank, size = 0, 1

    @property
    def partition(self) -> tuple[int, int]:
        """(rank, size): this process has the rows with row % size == rank."""
        return self.rank, self.size

    def sum(self, value: float) -> float:
        """The sum of the processes' values."""
        return value

    def gather_rows(self, values: Tensor, rows: int) -> Tensor:
        """Gather the values of all rows, in order, in every process.

        Args:
            values: T for each row of this process's partition, on the CPU.
            rows: the number of rows of all partitions.

        Returns:
            [rows, T]
        """
        assert len(values) == rows
        return values

    def intersection(self, items: set[Item]) -> set[Item]:
        """The items that every process has."""
        return items

    def barrier(self) -> None:
        """Wait until every process of the group has called this."""


SINGLE_PROCESS = ProcessGroup()


class TorchProcessGroup(ProcessGroup):
    """Several processes, over torch's process group.

    Every method is a collective: all processes of the group must call it.
    """

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), device

    def sum(self, value: float) -> float:
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.item()

    def gather_rows(self, values: Tensor, rows: int) -> Tensor:
        # The first ranks may have one row more than the last, and all_gather needs equal sizes.
        padded = values.new_zeros(-(-rows // self.size), values.shape[1])
        padded[: len(values)] = values
        parts = [torch.empty_like(padded, device=self.device) for _ in range(self.size)]
        dist.all_gather(parts, padded.to(self.device))
        return torch.stack(parts, dim=1).flatten(0, 1)[:rows].cpu()

    def intersection(self, items: set[Item]) -> set[Item]:
        gathered: list[set[Item]] = [set()] * self.size
        dist.all_gather_object(gathered, items)
        return set.intersection(*gathered)

    def barrier(self) -> None:
        dist.barrier()


def check_device(name: str) -> None:
    """Check that torch can use the device that `train.device` names.

    Raises:
        InputError: it cannot.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "train.device = 'cuda': torch sees no CUDA device; set it to cpu, or see "
            "docs/environment.md on what a GPU needs"
        )


def is_member() -> bool:
    """Whether an elastic launcher, ours or `torchrun`, started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def choose_backend(device: str, local_rank: int) -> tuple[str, torch.device]:
    """The backend through which the processes communicate, and the device of this process.

    Args:
        device: `train.device`.
        local_rank: the number of this process on its machine.
    """
    if device == "cuda":
        return "nccl", torch.device("cuda", local_rank)
    return "gloo", torch.device(device)


@contextmanager
def join_process_group(device: str) -> Iterator[ProcessGroup]:
    """Join the group that the launcher's environment variables describe, or a group of one.

    Only the process of rank 0 logs. A process that fails does not leave the group. If it did, the
    others would fail too, before the launcher could find out which one failed first.
    """
    if not is_member() or os.environ["WORLD_SIZE"] == "1":
        yield SINGLE_PROCESS
        return
    backend, local_device = choose_backend(device, int(os.environ["LOCAL_RANK"]))
    if local_device.type == "cuda":
        # From now on the name "cuda" means this device.
        torch.cuda.set_device(local_device)
    dist.init_process_group(backend)
    group = TorchProcessGroup(local_device)
    if group.rank:
        logging.getLogger("recsys").setLevel(logging.ERROR)
    yield group
    dist.destroy_process_group()
