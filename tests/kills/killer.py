"""Kills a run of the pipeline at one moment, and says what is wrong afterwards."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kills.project import KilledProject

# The seconds from the start of a stage to its end, on a free machine.
STAGES = {
    "source": 0.3,
    "fetch": 0.6,
    "encode": 1.3,
    "split": 0.6,
    "features": 0.8,
    "train": 5.0,
    "evaluate": 4.0,
}
# What each stage writes, one after the other.
WRITES = {
    "source": ["source.json"],
    "fetch": ["raw"],
    "encode": ["encoded", "interactions.parquet", "users.parquet", "scattered", "00000.parquet"],
    "split": ["split", "pieces", "train", "validation.parquet", "test.parquet"],
    "features": ["features", "train", "test.parquet"],
    "train": ["train.state", "epoch.json", "dlrm", "vocabulary.json", "history.csv"],
    "evaluate": ["predictions.parquet", "test.json", "plots"],
}
TARGETS = ("group", "dvc", "stage")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SECONDS_TO_FINISH = 180
# The fork server of two processes does nothing more, but takes seconds to clear up.
SECONDS_TO_END = 10


@dataclass(frozen=True)
class Kill:
    """One kill of a run.

    Attributes:
        stage: the run is killed while this stage runs.
        moment: a number of seconds after its start, or the name of a file that it writes.
        target: who gets the signal: group, dvc, stage, or worker (one of the training processes).
        number: the signal.
    """

    stage: str
    moment: float | str
    target: str
    number: signal.Signals

    def __str__(self) -> str:
        moment = self.moment if isinstance(self.moment, str) else f"{self.moment:.2f} s"
        return f"{self.number.name} to {self.target} in {self.stage} at {moment}"


def plan_kills(count: int, generator: random.Random) -> list[Kill]:
    """Kills over all stages, half of them while a file is written, in the order of the pipeline."""
    order = list(STAGES)
    kills = []
    for number in range(count):
        stage = generator.choices(order, [0.5, 1, 2, 1, 1, 4, 2])[0]
        files = WRITES[stage]
        moment = generator.choice(files) if number % 2 else generator.uniform(0, STAGES[stage])
        target, sent = generator.choice(TARGETS), generator.choice(SIGNALS)
        if (target, sent) == ("dvc", signal.SIGINT) and stage != "evaluate":
            # DVC ignores it while a stage runs. Then all the rest runs too, which takes long.
            sent = signal.SIGTERM
        kills.append(Kill(stage, moment, target, sent))
    return sorted(kills, key=lambda kill: (order.index(kill.stage), str(kill.moment)))


def plan_kills_of_two(count: int, generator: random.Random) -> list[Kill]:
    """Kills while two processes train."""
    return [
        Kill(
            "train",
            generator.choice(["train.state", "epoch.json", "dlrm", 0.0, 1.0, 2.0, 4.0]),
            generator.choice(["worker", "worker", *TARGETS]),
            generator.choice(SIGNALS[:2]),
        )
        for _ in range(count)
    ]


@dataclass
class Outcome:
    """What a kill did.

    Attributes:
        kill: what was asked for.
        done: whether the run was still going on.
        finished: whether the run reached its end all the same.
        wrong: what should not be; nothing, if all is well.
        files: the number of whole files of the run that were compared.
        mended: whether DVC itself was killed while it wrote a file of its own.
    """

    kill: Kill
    done: bool
    finished: bool
    wrong: list[str]
    files: int
    mended: bool


def kill_run(project: KilledProject, kill: Kill, expected: dict[str, str], lock: str) -> Outcome:
    """Start `dvc repro`, kill it, wait for all its processes, and look at what is left.

    Args:
        expected: the digests of what an unkilled run makes.
        lock: its dvc.lock.
    """
    running = project.start()
    victims = wait_for_moment(project, kill, running)
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if kill.target == "group" else os.kill)(victim, kill.number)
    wrong = [f"process {pid} goes on: {line}" for pid, line in await_end(project, running).items()]
    found = project.outputs()
    for name, digest in found.items():
        # The next run removes these.
        if ".partial" in name or name.startswith(("models/train.state", "live/")):
            continue
        if expected.get(name) != digest:
            wrong.append(f"{name} differs")
    finished = running.returncode == 0
    if not victims and not finished:
        wrong.append(f"dvc repro ended by itself with {running.returncode}")
    if finished:
        wrong += [f"{name} is missing" for name in expected.keys() - found.keys()]
    return Outcome(kill, bool(victims), finished, wrong, len(found), project.mend(lock))


def wait_for_moment(
    project: KilledProject, kill: Kill, running: subprocess.Popen[bytes]
) -> list[int]:
    """Wait for the moment; return the processes to signal, none if the run ended before."""
    later = list(STAGES)[list(STAGES).index(kill.stage) :]
    stage = None
    while running.poll() is None:
        if stage is None:
            stage = find_stage(running.pid, later)
            began = time.monotonic()
        elif kill.target == "worker" and not find_workers(stage):
            # They take seconds to start, which count as none.
            began = time.monotonic()
        elif isinstance(kill.moment, str):
            if is_written(project, kill.moment) or not Path(f"/proc/{stage}").exists():
                break
        elif time.monotonic() - began >= kill.moment:
            break
        time.sleep(0.001)
    if running.poll() is not None or stage is None:
        return []
    if kill.target == "worker":
        return find_workers(stage)[-1:]
    return [stage if kill.target == "stage" else running.pid]


def find_workers(stage: int) -> list[int]:
    """The processes that train together: children of the fork server, which the stage started."""
    return [worker for child in children(stage) for worker in children(child)]


def find_stage(dvc: int, stages: list[str]) -> int | None:
    """The process of the stage that DVC runs, if it is one of these."""
    for pid in descendants(dvc):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "-m" in words and words[words.index("-m") + 1] in {f"stages.{s}" for s in stages}:
                return pid
    return None


def descendants(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from descendants(child)


def children(pid: int) -> list[int]:
    found: list[int] = []
    # The process may end meanwhile.
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def is_written(project: KilledProject, name: str) -> bool:
    """Whether a file or folder of this name is being written."""
    folders = [project.folder / folder for folder in ("data", "models", "metrics", "live")]
    while folders:
        folder = folders.pop()
        with contextlib.suppress(OSError):
            for entry in os.listdir(folder):  # noqa: PTH208
                if entry.startswith(f".{name}.") and entry.endswith(".partial"):
                    return True
                if entry.endswith(".partial") or folder.name.endswith(".partial"):
                    folders.append(folder / entry)
    return False


def await_end(project: KilledProject, running: subprocess.Popen[bytes]) -> dict[int, str]:
    """Wait for DVC to end; return the processes that still run a while after that.

    DVC may run to the end of the pipeline. It ignores Ctrl-C while a stage runs; the launcher
    starts killed workers again; and the stage may have ended just before it was to be killed.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(SECONDS_TO_FINISH)
    deadline = time.monotonic() + SECONDS_TO_END
    while (left := project.processes()) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.wait()
    return left


def finish(project: KilledProject, expected: dict[str, str], lock: str) -> list[str]:
    """Run to the end, compare everything, and return what differs."""
    code = project.start().wait()
    if code:
        return [f"dvc repro ended with {code}"]
    found = project.outputs()
    names = sorted(found.keys() | expected.keys())
    wrong = [f"{name} differs" for name in names if found.get(name) != expected.get(name)]
    return wrong + (["dvc.lock differs"] if project.lock != lock else [])
