"""Describes the machine and the code of a benchmark, and counts seconds of its CPU."""

import platform
import resource
import subprocess
from pathlib import Path


def describe_machine() -> str:
    # Programs whose memory is measured import this module, and some of them do without torch.
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.machine()
    return f"{cpu}, 1 thread, Python {platform.python_version()}, torch {torch.__version__}"


def find_code() -> str:
    """The last commit that changed what a run executes."""
    command = ["git", "log", "-1", "--format=%h", "--", "recsys", "stages"]
    return subprocess.check_output(command, cwd=Path(__file__).parents[1], text=True).strip()


def children_seconds() -> float:
    """The CPU seconds of all programs that this one ran."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
