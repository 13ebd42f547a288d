"""What TorchRec's planner is told about the machine."""

import os
from pathlib import Path

import pytest
import torch

from recsys.training import sharding
from recsys.training.sharding import available_memory, make_topology


@pytest.mark.parametrize(
    ("texts", "expected"), [(["5000"], 5000), (["7000", "6000"], 6000), (["max"], None), ([], None)]
)
def test_the_memory_is_the_machines_or_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str], expected: int | None
) -> None:
    files = [tmp_path / str(number) for number in range(2)]
    for file, text in zip(files, texts, strict=False):
        file.write_text(f"{text}\n")
    monkeypatch.setattr(sharding, "CONTAINER_LIMITS", files)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert available_memory() == (machine if expected is None else expected)


def test_processes_of_one_machine_divide_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "available_memory", lambda: 9 * 2**30)
    monkeypatch.setattr(sharding, "get_local_size", lambda _: 3)
    topology = make_topology(3, torch.device("cpu"))
    assert [device.storage.ddr for device in topology.devices] == [3 * 2**30] * 3


def test_a_gpu_has_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        total_memory = 139 * 2**30

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Properties)
    monkeypatch.setattr(sharding, "get_local_size", lambda _: 1)
    (device,) = make_topology(1, torch.device("cuda", 0)).devices
    assert device.storage.hbm == 139 * 2**30
