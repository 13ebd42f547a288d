"""What a stage asks of an engine, and the choice of the engine.

An engine does two things: it runs SQL that crosses partitions, and it runs a function on each of
many items in several processes. The engine is environment, not a param: no output depends on it.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from recsys.common.errors import InputError

ENGINE = "RECSYS_ENGINE"
Item = TypeVar("Item")
Result = TypeVar("Result")
# The path of a Parquet file, or a table in memory. Arrow has no types.
Source: TypeAlias = Any


class Engine(Protocol):
    """Runs SQL, and functions on partitions. SQL is what DuckDB and Spark both understand."""

    def query(self, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        """The rows of a query, which fit in memory, in any order.

        Args:
            sources: the tables that the query names.
        """

    def scatter(self, sql: str, sources: Mapping[str, Source], by: str, folder: Path) -> None:
        """Write the rows of a query to Parquet files `folder`/BY=VALUE/*.parquet, in any order.

        Args:
            by: the column whose value chooses the folder of a row; the files leave it out.
            folder: is made; on a cluster, all machines must see it at the same path.
        """

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The result of a function for each item, in the order of the items.

        Args:
            function: can be pickled, and may run twice on an item: a lost process is replaced. What
                it writes, all machines must see at the same path.
        """


def choose_engine(temporary: Path) -> Engine:
    """The engine that the environment variable RECSYS_ENGINE names: local (the default) or spark.

    Args:
        temporary: a folder for what does not fit in memory; it need not exist.

    Raises:
        InputError: the variable has another value, or Spark is not installed.
    """
    name = os.environ.get(ENGINE) or "local"
    if name == "local":
        from recsys.engine.local import LocalEngine

        return LocalEngine(temporary)
    if name == "spark":
        from recsys.engine.spark import SparkEngine

        return SparkEngine()
    raise InputError(f"{ENGINE} = {name}: must be one of local, spark")
