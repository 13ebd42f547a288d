"""A stage ends with its launcher. Each test starts the code of a stage in processes of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recsys.common.guard import DVC, TORCHRUN
from tests.imports import ROOT

GUARDED = "from recsys.common.guard import guard_stage; guard_stage(); print('goes on', flush=True)"
# A launcher that starts such a stage, says its process id, and waits for it.
LAUNCHER = """
import subprocess, sys
stage = subprocess.Popen([sys.executable, "-c", sys.argv[1] + "; input()"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
print(stage.stdout.readline().strip(), stage.pid, flush=True)
stage.wait()
"""


def environment(marker: str | None) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name not in (DVC, TORCHRUN)}
    return others | ({marker: "1"} if marker else {}) | {"PYTHONPATH": str(ROOT)}


def is_running(pid: int) -> bool:
    """Whether a process runs. One that ended may stay as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("marker", [DVC, TORCHRUN, None])
def test_a_stage_ends_with_its_launcher_and_without_one_it_goes_on(marker: str | None) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            LAUNCHER,
            GUARDED.replace("; print", "; import time; print") + "; time.sleep(60)",
        ],
        env=environment(marker),
        stdout=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stdout is not None
        *said, pid = launcher.stdout.readline().split()
        assert said == ["goes", "on"]
        launcher.kill()
    deadline = time.monotonic() + (10 if marker else 0.2)
    while is_running(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_running(int(pid)) == (marker is None)
    if marker is None:
        os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize(("marker", "ends"), [(DVC, True), (TORCHRUN, False), (None, False)])
def test_a_stage_that_another_process_adopted_ends_at_once(marker: str, ends: bool) -> None:
    """A process that adopts is in another session, and so is torchrun."""
    done = subprocess.run(
        [sys.executable, "-c", GUARDED],
        env=environment(marker),
        capture_output=True,
        start_new_session=True,
        text=True,
    )
    assert done.stdout == ("" if ends else "goes on\n")
    assert done.returncode == ends
    assert done.stderr.startswith("the process that started this stage has ended") == ends
    assert done.stderr.count("\n") == ends


def test_ctrl_c_prints_nothing_while_modules_are_imported() -> None:
    """`-X importtime` says which modules are done."""
    running = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "stages.evaluate"],
        cwd=ROOT,
        env=environment(None),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    with running:
        for line in running.stderr:
            if "recsys.common.atomic" in line:
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
    assert running.returncode == -signal.SIGINT
    assert [line for line in rest.splitlines() if "import time:" not in line] == []
