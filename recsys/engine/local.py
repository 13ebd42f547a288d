"""One machine: DuckDB runs the SQL and spills to disk, a pool of processes runs the functions."""

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
        try:
            return list(self._pool.map(function, listed))
        except BrokenProcessPool as error:
            raise InputError(
                f"a worker process was killed, perhaps for lack of memory: {WORKERS}=1 and more "
                "encode.partitions need less"
            ) from error

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        """The worker processes. They import a stage's modules once, and end with this process."""
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.workers, context, partial(guard_worker, os.getpid()))

    def _connect(self, sources: Mapping[str, Source]) -> "_Connection":
        return _Connection(self.temporary, sources, self.workers)


class _Connection:
    """A connection with a view for each source, for a `with`."""

    def __init__(self, temporary: Path, sources: Mapping[str, Source], threads: int) -> None:
        self.temporary, self.sources = temporary, sources
        self.config: dict[str, Any] = {
            "threads": threads,
            "memory_limit": os.environ.get(MEMORY) or f"{physical_memory() // 2}B",
            "temp_directory": str(temporary),
            "preserve_insertion_order": False,
        }

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        try:
            self.connection = duckdb.connect(config=self.config)
        except duckdb.Error as error:
            raise InputError(f"{MEMORY} = {self.config['memory_limit']}: {error}") from error
        for name, source in self.sources.items():
            if isinstance(source, pa.Table):
                self.connection.register(name, source)
            else:
                files = source if isinstance(source, list) else [source]
                self.connection.read_parquet([str(file) for file in files]).create_view(name)
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        shutil.rmtree(self.temporary, ignore_errors=True)


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
