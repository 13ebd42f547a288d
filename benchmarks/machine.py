"""Describes the machine on which a benchmark runs."""

import platform
from pathlib import Path


def describe_machine() -> str:
    # Programs whose memory is measured import this module, and some of them do without torch.
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.machine()
    return f"{cpu}, 1 thread, Python {platform.python_version()}, torch {torch.__version__}"
