"""Starts the processes that train together on this machine, and restarts them when one dies."""

import logging
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import set_forkserver_preload
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from recsys.common.errors import InputError

MAX_RESTARTS = 3


def launch(processes: int, device: str, work: Callable[..., None], *arguments: object) -> None:
    """Call `work(*arguments)` in each of several processes, under torch's elastic launcher.

    When one of them dies, the launcher restarts all of them, up to `MAX_RESTARTS` times.

    Args:
        processes: the number of processes on this machine.
        device: cpu or cuda.
        work: a function of a module, which the new processes import. In it,
            `process_group.join_process_group` joins the group of these processes.

    Raises:
        InputError: there are too few devices; `work` raised an InputError or OSError; or a process
            was killed after the last restart.
    """
    _check_processes(processes, device)
    # These loggers report the death of a process as an error. Their other messages are noise.
    for name in ("agent.server.api", "multiprocessing.api"):
        logging.getLogger(f"torch.distributed.elastic.{name}").setLevel(logging.ERROR)
    # The fork server imports the slow modules once, and the processes are forks of it.
    set_forkserver_preload(["recsys.training.sharding", "recsys.training.loop"])
    # Otherwise torch warns in each process that it found no unused parameters.
    os.environ["TORCH_CPP_LOG_LEVEL"] = "ERROR"
    # In torch 2.13, restarted processes would otherwise meet in the store of the dead ones. There
    # they would find the addresses of the dead processes and wait for them.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with TemporaryDirectory() as folder:
        message = Path(folder) / "message"
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            # Without a run id, the launcher makes one and warns about it.
            run_id=Path(folder).name,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=MAX_RESTARTS,
            start_method="forkserver",
            logs_specs=DefaultLogsSpecs(log_dir=folder),
        )
        try:
            elastic_launch(config, _run_worker)(os.getpid(), message, work, arguments)
        except SignalException as error:
            if message.exists():
                raise InputError(message.read_text()) from error
            raise SystemExit(128 + error.sigval) from error
        except ChildFailedError as error:
            _, failure = error.get_first_failure()
            if failure.exitcode >= 0:
                raise
            raise InputError(
                f"train.processes = {processes}: a process was killed by signal "
                f"{-failure.exitcode} {MAX_RESTARTS + 1} times; is there enough memory?"
            ) from error


def _check_processes(processes: int, device: str) -> None:
    # Anyone may try two processes, even on a single CPU.
    most = torch.cuda.device_count() if device == "cuda" else max(os.cpu_count() or 1, 2)
    if processes > most:
        raise InputError(
            f"train.processes = {processes}: this machine has devices ({device}) for at most "
            f"{most}; set it to {most} or less"
        )


def _run_worker(
    launcher: int, message: Path, work: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    """Do the work; if it raises a user's error, report the error and stop all processes.

    A restart would not correct such an error.

    Args:
        launcher: the launcher's process id.
        message: the file for the error's message.
    """
    Thread(target=_exit_with_launcher, args=[launcher], daemon=True).start()
    try:
        work(*arguments)
    except (InputError, OSError) as error:
        # Several processes may raise the error. Each writes its message atomically, because the
        # launcher reads the file after the first signal.
        partial = message.with_name(f"{message.name}.{os.getpid()}")
        partial.write_text(str(error))
        partial.replace(message)
        # The launcher stops the other processes, which may be waiting for this one.
        os.kill(launcher, signal.SIGTERM)


def _exit_with_launcher(launcher: int) -> None:
    """Wait for the launcher to end, then exit.

    A process that outlived a killed launcher would write to the files of the next run.

    Args:
        launcher: the launcher's process id.
    """
    with suppress(ProcessLookupError):
        select.select([os.pidfd_open(launcher)], [], [])
    os._exit(1)
