"""The files of the partitions, which the stages encode and split wrote."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys.common.errors import InputError
from recsys.features.batch.partitions import Partition
from recsys.features.visibility import QUERY, RatingLog
from recsys.storage.lineage import Lineage, read_lineage, require_same_run
from recsys.storage.parquet import count_rows, list_files, numbered, read_parquet
from recsys.storage.schemas import ASSIGNMENT, NEGATIVES, RATINGS


@dataclass(frozen=True)
class PartitionFiles:
    """Reads the ratings of partitions, their parts, and the negatives that were drawn.

    Attributes:
        ratings: the folder of the ratings.
        parts: the folder of the split.
        implicit: whether negatives were drawn.
        lineage: of the split.
        numbers: of the partitions that have ratings, ascending.
    """

    ratings: Path
    parts: Path
    implicit: bool
    lineage: Lineage
    numbers: tuple[int, ...]

    @classmethod
    def open(cls, encoded: Path, parts: Path, implicit: bool) -> "PartitionFiles":
        """Raises: InputError: a file is missing or of a different run."""
        assignment = parts / "assignment"
        lineage = read_lineage(assignment, "split")
        files = list_files(encoded / "ratings")
        for file in files:
            require_same_run(assignment, lineage, file, read_lineage(file, "encode"))
        numbers = (number for number, file in enumerate(files) if count_rows(file, RATINGS))
        return cls(encoded / "ratings", parts, implicit, lineage, tuple(numbers))

    @property
    def past_only(self) -> bool:
        return bool(self.lineage.past_only)

    def read(self, number: int) -> Partition:
        """Raises: InputError: a file is missing, or the files have different rows."""
        ratings, path = (f / numbered(number) for f in (self.ratings, self.parts / "assignment"))
        rows, assigned = read_parquet(ratings, RATINGS), read_parquet(path, ASSIGNMENT)
        if len(rows) != len(assigned):
            raise self._refuse()
        for field, column in zip(ASSIGNMENT, assigned.columns, strict=True):
            rows = rows.append_column(field, column)
        is_drawn = np.zeros(len(rows), bool)
        if self.implicit:
            drawn = read_parquet(self.parts / "negatives" / numbered(number), NEGATIVES)
            # The key of a negative is behind that of its positive, so the rows are in order.
            rows = pa.concat_tables([rows, drawn.select(rows.column_names)])
            order = np.argsort(rows["row"].to_numpy())
            rows, is_drawn = rows.take(order), order >= len(is_drawn)
        columns = {name: rows[name].to_numpy() for name in rows.column_names}
        log = RatingLog(
            user=columns["user"],
            movie=columns["movie"],
            stars=columns["rating"].astype(np.float64),
            label=columns["label"],
            seconds=columns["timestamp"],
            part=np.where(is_drawn, np.int8(QUERY), columns["part"]),
            past_only=self.past_only,
        )
        return Partition(number, log, columns["row"], columns["part"])

    def check(self, digest: npt.NDArray[np.uint64]) -> None:
        """Check that all rows and their parts are those of the split. Raises: InputError."""
        if digest.tobytes().hex() != self.lineage.split:
            raise self._refuse()

    def _refuse(self) -> InputError:
        return InputError(
            f"{self.parts / 'assignment'} is of other ratings than {self.ratings}; run `dvc repro "
            "split`"
        )
