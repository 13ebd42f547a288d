"""The files of the three parts: `train`, a folder of shards, validation.parquet and test.parquet.

The rows of validation and test ascend by their key, the column `row`. Those of the training part
are in the order of a hash of the key, in shards of about `ROWS_IN_SHARD` rows, so that a stretch of
a shard is a random sample of the part. Each file is the same bytes for any number of partitions.
"""

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.common.pair_hash import INCREMENT, mix
from recsys.storage.parquet import ROWS_AT_ONCE, TableWriter, numbered
from recsys.storage.schemas import PARTS

TRAIN, *OTHERS = PARTS
ROWS_IN_SHARD = 2**22
Change = Callable[[pa.Table], pa.Table]


def part_path(folder: Path, name: str) -> Path:
    """The file of a part, or the folder of the shards of the training part."""
    return folder / (name if name == TRAIN else f"{name}.parquet")


def hash_keys(row: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """The place of each training row in the order of the shards, [N]; all differ."""
    # Added, so that the key 0 does not stay 0.
    return mix(row.astype(np.uint64) + INCREMENT)


@dataclass(frozen=True)
class PartsWriter:
    """Writes rows of partitions to the parts; first `write` for each partition, then `finish`.

    Attributes:
        folder: gets the files; it must exist, and all processes that write must see it.
        schema: of the rows; has the column `row`.
        training_rows: the number of rows of the whole training part.
    """

    folder: Path
    schema: pa.Schema
    training_rows: int
    rows_in_shard: int = field(default_factory=lambda: ROWS_IN_SHARD)

    @property
    def shards(self) -> int:
        return max(-(-self.training_rows // self.rows_in_shard), 1)

    def write(self, partition: int, part: npt.NDArray[np.integer], rows: pa.Table) -> None:
        """Write the rows of a partition to pieces. A second call with the same rows is harmless.

        Args:
            partition: its number.
            part: the position in `PARTS` of each row, [N]; rows with another number are left out
            rows: ascending by `row`, which is above that of earlier partitions, [N]
        """
        for position, name in enumerate(OTHERS, 1):
            self._write_piece(name, 0, partition, rows.filter(part == position))
        training = rows.filter(part == 0)
        # The first bits of a key choose its shard.
        ends = (np.arange(1, self.shards, dtype=object) << 64) // self.shards
        keys = hash_keys(training["row"].to_numpy())
        shard = np.searchsorted(np.array(ends, np.uint64), keys, "right").astype(np.uint16)
        order = np.argsort(shard, kind="stable")
        cuts = np.searchsorted(shard[order], np.arange(1, self.shards, dtype=np.uint16))
        for number, places in enumerate(np.split(order, cuts)):
            self._write_piece(TRAIN, number, partition, training.take(places))

    def finish(self, metadata: Mapping[str, str], change: Change | None = None) -> None:
        """Join the pieces to the files of the parts.

        Args:
            change: what becomes of some rows; it must keep their number, order and schema.
        """
        part_path(self.folder, TRAIN).mkdir()
        for shard in range(self.shards):
            rows = pa.concat_tables(pq.read_table(piece) for piece in self._pieces(TRAIN, shard))
            rows = rows.take(np.argsort(hash_keys(rows["row"].to_numpy())))
            path = part_path(self.folder, TRAIN) / numbered(shard)
            write_regrouped(rows.to_batches(ROWS_AT_ONCE), path, self.schema, metadata, change)
        for name in OTHERS:
            batches = (batch for p in self._pieces(name, 0) for batch in read_piece(p))
            path = part_path(self.folder, name)
            write_regrouped(batches, path, self.schema, metadata, change)
        shutil.rmtree(self._temporary)

    @property
    def _temporary(self) -> Path:
        return self.folder / "pieces"

    def _write_piece(self, name: str, shard: int, partition: int, rows: pa.Table) -> None:
        path = self._temporary / name / f"{shard:05}" / numbered(partition)
        write_piece(rows.cast(self.schema), path)

    def _pieces(self, name: str, shard: int) -> Iterator[Path]:
        yield from sorted((self._temporary / name / f"{shard:05}").glob("*.parquet"))


def write_piece(rows: pa.Table, path: Path) -> None:
    """Write a temporary file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may write the same piece: a lost machine may come back.
    partial = path.with_suffix(f".{uuid.uuid4().hex}")
    pq.write_table(rows, partial, compression="lz4", use_dictionary=False)
    partial.replace(path)


def read_piece(path: Path) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE)


def write_regrouped(
    batches: Iterable[pa.RecordBatch],
    path: Path,
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
    change: Change | None = None,
) -> None:
    """Write the rows of batches, the same bytes for any size of the batches."""
    with TableWriter(path, schema, metadata) as writer:
        for rows in regroup(batches, schema):
            writer.write(change(rows) if change else rows)


def regroup(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of `ROWS_AT_ONCE` rows, the last of fewer.

    The size of a row group follows from it, so a file does not depend on the batches it came in.
    """
    kept: list[Any] = []
    count = 0
    for batch in batches:
        kept.append(batch)
        count += len(batch)
        while count >= ROWS_AT_ONCE:
            table = pa.Table.from_batches(kept, schema)
            yield table[:ROWS_AT_ONCE]
            kept = table[ROWS_AT_ONCE:].to_batches()
            count -= ROWS_AT_ONCE
    if kept:
        yield pa.Table.from_batches(kept, schema)
