"""A Spark cluster: the same SQL, and the same functions as tasks.

`spark-submit` or the usual settings of Spark say where the cluster is; by default Spark runs on
this machine alone.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from recsys.common.errors import InputError
from recsys.engine.engine import Item, Result, Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class SparkEngine:
    """An engine whose SQL and functions run on Spark's executors.

    Raises:
        InputError: Spark is not installed.
    """

    def __init__(self) -> None:
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise InputError("RECSYS_ENGINE = spark: run `make .venv/spark` first") from error
        builder = SparkSession.builder.appName("recsys")
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")
        # The same numbers whatever the clock of a machine says.
        self.session.conf.set("spark.sql.session.timeZone", "UTC")
        self.session.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")

    def query(self, sql: str, sources: Mapping[str, Source]) -> pa.Table:
        return self._run(sql, sources).toArrow()

    def scatter(self, sql: str, sources: Mapping[str, Source], by: str, folder: Path) -> None:
        rows = self._run(sql, sources)
        # Without this, every task would write a file for each value.
        rows.repartition(by).write.partitionBy(by).parquet(str(folder.absolute()))

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        listed = list(items)
        if not listed:
            return []
        tasks = self.session.sparkContext.parallelize(listed, len(listed))
        return tasks.map(function).collect()

    def _run(self, sql: str, sources: Mapping[str, Source]) -> "DataFrame":
        for name, source in sources.items():
            if isinstance(source, pa.Table):
                frame = self.session.createDataFrame(source)
            else:
                frame = self.session.read.parquet(str(source.absolute()))
            frame.createOrReplaceTempView(name)
        return self.session.sql(sql)
