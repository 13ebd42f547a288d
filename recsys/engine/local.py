"""One machine: DuckDB runs the SQL and spills to disk, a pool of processes runs the functions."""

import multiprocessing
import os
import shutil
import signal
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from recsys.common.errors import InputError
from recsys.common.guard import guard_worker
from recsys.engine.engine import Item, Result, Source

WORKERS, MEMORY = "RECSYS_WORKERS", "RECSYS_MEMORY"
ROWS_IN_GROUP = 2**18


class LocalEngine:
    """An engine of one machine.

    RECSYS_WORKERS is the number of processes, by default that of CPUs. RECSYS_MEMORY bounds the
    memory of the SQL, such as 4GB, by default half of the machine's.

    Args:
        temporary: the folder that DuckDB spills to.
    """

    def __init__(self, temporary: Path) -> None:
        self.temporary, self.workers = temporary, read_workers()

    def query(self, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        with self._connect(sources) as connection:
            return connection.sql(sql).to_arrow_table()

    def scatter(self, sql: str, sources: Mapping[str, Source], by: str, folder: Path) -> None:
        with self._connect(sources) as connection:
            options = f"format parquet, partition_by ({by}), row_group_size {ROWS_IN_GROUP}"
            connection.execute(f"COPY ({sql}) TO {quote(folder)} ({options})")

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        listed = list(items)
        if min(self.workers, len(listed)) < 2:
            return list(map(function, listed))
        pool = self._pool
        try:
            with block_interrupt():
                futures = [pool.submit(function, item) for item in listed]
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            self._end_pool()
            raise InputError(
                f"a worker process was killed, perhaps for lack of memory: {WORKERS}=1 and more "
                "encode.partitions need less"
            ) from error
        except BaseException:
            self._end_pool()
            raise

    def _end_pool(self) -> None:
        """End the workers at once, so that they write nothing after the stage has cleaned up."""
        pool = self.__dict__.pop("_pool")
        # Python has no public way before 3.14.
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown()

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        """The worker processes. They import a stage's modules once, and end with this process."""
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.workers, context, partial(guard_worker, os.getpid()))
        # If the pool were collected while the interpreter exits, it might print a traceback.
        weakref.finalize(self, pool.shutdown)
        return pool

    @contextmanager
    def _connect(self, sources: Mapping[str, Source]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with a view for each source."""
        limit = os.environ.get(MEMORY) or f"{physical_memory() // 2}B"
        config: dict[str, Any] = {
            "threads": self.workers,
            "memory_limit": limit,
            "temp_directory": str(self.temporary),
            "preserve_insertion_order": False,
        }
        try:
            connection = duckdb.connect(config=config)
        except duckdb.Error as error:
            raise InputError(f"{MEMORY} = {limit}: {error}") from error
        try:
            for name, source in sources.items():
                if isinstance(source, pa.Table):
                    connection.register(name, source)
                else:
                    connection.read_parquet(str(source)).create_view(name)
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                f"{MEMORY} = {limit}: too little, or the disk has too little space for what does "
                f"not fit ({str(error).splitlines()[0]})"
            ) from error
        except RuntimeError as error:
            # What DuckDB makes of Ctrl-C.
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise
        finally:
            connection.close()
            shutil.rmtree(self.temporary, ignore_errors=True)


@contextmanager
def block_interrupt() -> Iterator[None]:
    """Let processes that are started in the block never see Ctrl-C; this one sees it afterwards.

    The stage ends its workers. By themselves, they would print tracebacks while they start.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def read_workers() -> int:
    """The number of processes. Raises: InputError: RECSYS_WORKERS is no integer from 1."""
    text = os.environ.get(WORKERS)
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if not text.isdecimal() or not int(text):
        raise InputError(f"{WORKERS} = {text}: must be an integer from 1")
    return int(text)


def physical_memory() -> int:
    """The machine's memory, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def quote(path: Path) -> str:
    """A path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
