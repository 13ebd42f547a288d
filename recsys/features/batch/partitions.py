"""The ratings and the drawn negatives of a partition of the users."""

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from recsys.common.arrays import Ints
from recsys.features.visibility import RatingLog
from recsys.storage.lineage import Lineage


class Partition(NamedTuple):
    """All rows of some users, sorted by user, then time, [N].

    Attributes:
        number: the place of the partition among all; earlier ones have the users before these.
        log: a drawn negative is a query, which no other row sees.
        row: the key of each row, ascending, also from one partition to the next, [N]
        part: the position of the part in `PARTS`, or -1 for none, [N]
    """

    number: int
    log: RatingLog
    row: Ints
    part: Ints


class Partitions(Protocol):
    """Reads partitions. A process pickles it, and reads what its work needs.

    Attributes:
        numbers: of the partitions that have rows, ascending.
        past_only: whether only ratings of an earlier second are visible to a rating.
        lineage: of the split.
    """

    @property
    def numbers(self) -> tuple[int, ...]: ...

    @property
    def past_only(self) -> bool: ...

    @property
    def lineage(self) -> Lineage: ...

    def read(self, number: int) -> Partition: ...

    def check(self, digest: npt.NDArray[np.uint64]) -> None:
        """Check the digest of all rows and their parts. Raises: InputError: they do not match."""
