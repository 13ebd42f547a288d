"""Several processes on this machine, started anew when one is lost."""

import logging
import os
import select
import signal
from collections.abc import Callable
from multiprocessing import set_forkserver_preload
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from recsys.common.errors import InputError

RESTARTS = 3


def launch(processes: int, device: str, work: Callable[..., None], *arguments: object) -> None:
    """Call `work(*arguments)` in each of several processes, under torch's elastic launcher.

    When one of them dies, all are started again, up to `RESTARTS` times.

    Args:
        processes: how many, on this machine.
        device: cpu or cuda.
        work: found by its name in the new processes, where `world.joined` is their world.

    Raises:
        InputError: there are too few devices; `work` raised one; or a process was killed once more
            than it is started again.
    """
    _check(processes, device)
    # Of a process that is lost they say so as an error; the rest is chatter.
    for name in ("agent.server.api", "multiprocessing.api"):
        logging.getLogger(f"torch.distributed.elastic.{name}").setLevel(logging.ERROR)
    # The first process imports what takes seconds, and the others are copies of it.
    set_forkserver_preload(["recsys.training.sharding", "recsys.training.loop"])
    # torch warns in each that none of the parameters is unused.
    os.environ["TORCH_CPP_LOG_LEVEL"] = "ERROR"
    # torch 2.13 would have processes that are started again meet in the store of those before, find
    # their addresses and wait for them.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with TemporaryDirectory() as folder:
        refusal = Path(folder) / "refusal"
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            # A name of its own: the launcher warns when it has to make one.
            run_id=Path(folder).name,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=RESTARTS,
            start_method="forkserver",
            logs_specs=DefaultLogsSpecs(log_dir=folder),
        )
        try:
            elastic_launch(config, _work)(os.getpid(), refusal, work, arguments)
        except SignalException as error:
            if refusal.exists():
                raise InputError(refusal.read_text()) from error
            raise SystemExit(128 + error.sigval) from error
        except ChildFailedError as error:
            _, failure = error.get_first_failure()
            if failure.exitcode >= 0:
                raise
            raise InputError(
                f"train.processes = {processes}: a process was killed by signal "
                f"{-failure.exitcode} {RESTARTS + 1} times; is there enough memory?"
            ) from error


def _check(processes: int, device: str) -> None:
    # Two can be tried on any machine.
    most = torch.cuda.device_count() if device == "cuda" else max(os.cpu_count() or 1, 2)
    if processes > most:
        raise InputError(
            f"train.processes = {processes}: this machine has devices ({device}) for {most} at most"
        )


def _work(
    launcher: int, refusal: Path, work: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    """What a user got wrong does not get right by another start: it is told, and all end."""
    Thread(target=_end_with, args=[launcher], daemon=True).start()
    try:
        work(*arguments)
    except (InputError, OSError) as error:
        # Whole at once: several may find the same wrong, and the launcher reads after the first.
        written = refusal.with_name(f"{refusal.name}.{os.getpid()}")
        written.write_text(str(error))
        written.replace(refusal)
        # It ends the others, which may wait for this process for long.
        os.kill(launcher, signal.SIGTERM)


def _end_with(launcher: int) -> None:
    """Else a process whose launcher was killed would go on, and write beside the next run's."""
    try:
        select.select([os.pidfd_open(launcher)], [], [])
    finally:
        os._exit(1)
