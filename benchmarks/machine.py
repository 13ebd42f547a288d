"""Describes the machine on which a benchmark runs."""

import platform
from pathlib import Path

import torch


def describe_machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.machine()
    return f"{cpu}, 1 thread, Python {platform.python_version()}, torch {torch.__version__}"
