"""The processes that train one model together."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist

from recsys.common.errors import InputError
from recsys.common.rating_scale import Floats

Item = TypeVar("Item")


class World:
    """This process, and others with which it agrees; here there is none, and nothing to say.

    Attributes:
        rank, size: which process of how many.
    """

    rank, size = 0, 1

    @property
    def share(self) -> tuple[int, int]:
        """Which rows are this process's: those with row % size == rank."""
        return self.rank, self.size

    def total(self, value: float) -> float:
        """Sum over the processes."""
        return value

    def interleave(self, values: Floats, rows: int) -> Floats:
        """The values of all `rows` rows, [rows], of the values of each process's rows."""
        assert len(values) == rows
        return values

    def common(self, items: set[Item]) -> set[Item]:
        """What every process has."""
        return items

    def wait(self) -> None:
        """Until every process is here."""


ALONE = World()


class Group(World):
    """Several, over torch's process group. Every method is called by all of them at once."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), device

    def total(self, value: float) -> float:
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.item()

    def interleave(self, values: Floats, rows: int) -> Floats:
        # The first ranks may have a row more than the last.
        padded = torch.zeros(-(-rows // self.size), dtype=torch.from_numpy(values).dtype)
        padded[: len(values)] = torch.from_numpy(values)
        parts = [torch.empty_like(padded, device=self.device) for _ in range(self.size)]
        dist.all_gather(parts, padded.to(self.device))
        everyone: Floats = torch.stack(parts, dim=1).flatten()[:rows].cpu().numpy()
        return everyone

    def common(self, items: set[Item]) -> set[Item]:
        everyones: list[set[Item]] = [set()] * self.size
        dist.all_gather_object(everyones, items)
        return set.intersection(*everyones)

    def wait(self) -> None:
        dist.barrier()


def check_device(name: str) -> None:
    """Raises: InputError: torch cannot use the device `train.device`."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "train.device = 'cuda': torch sees no CUDA device; set it to cpu, or see README.md on "
            "what a GPU needs"
        )


def is_member() -> bool:
    """Whether an elastic launcher, ours or `torchrun`, started this process."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys()


def hardware(device: str, local_rank: int) -> tuple[str, torch.device]:
    """How processes talk, and what this one computes on, by `train.device`."""
    if device == "cuda":
        return "nccl", torch.device("cuda", local_rank)
    return "gloo", torch.device(device)


@contextmanager
def joined(device: str) -> Iterator[World]:
    """The world that the launcher's environment describes; without one, this process alone.

    Only the first process logs. One that fails does not leave the group, so that no other learns
    of it before the launcher can.
    """
    if not is_member() or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    backend, place = hardware(device, int(os.environ["LOCAL_RANK"]))
    if place.type == "cuda":
        # From here on "cuda" is this one.
        torch.cuda.set_device(place)
    dist.init_process_group(backend)
    world = Group(place)
    if world.rank:
        logging.getLogger("recsys").setLevel(logging.ERROR)
    yield world
    dist.destroy_process_group()
