"""The published ids of users or movies, and the rows of their tables.

This module is the only one that looks ids up. Every exported artifact holds a copy of it, so it
imports NumPy and other copies.

Shapes: B ids, T rows of a table, N bytes of its texts.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from reprlib import Repr
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.common.arrays import Ints
from recsys.common.errors import InputError

# More digits than 64 bits have are no integer, however many there are.
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
QUOTE = Repr()
QUOTE.maxstring = QUOTE.maxlong = 80


class Ids:
    """The published id of each row of a table.

    Args:
        known: integers or texts, ascending, [T]
        noun: what has these ids, for messages: user or movie.
    """

    def __init__(self, known: npt.NDArray[Any], noun: str) -> None:
        self.is_text = known.dtype == object
        self.known = known if self.is_text else known.astype(np.int64)
        self.noun = noun

    def __len__(self) -> int:
        return len(self.known)

    def find(self, wanted: npt.ArrayLike) -> Ints:
        """The row of each id, [B]; T for an id that the table does not have.

        Args:
            wanted: integers or texts, [B]. The text of an integer finds the integer, and the
                other way round.
        """
        ids = np.asarray(wanted)
        if ids.dtype.kind == "U":
            # NumPy's own texts lose a zero character at their end.
            ids = np.array(wanted, object)
        if self.is_text:
            return np.array([self._rows.get(str(i), len(self)) for i in ids.tolist()], np.int64)
        if ids.dtype == object:
            texts = [str(i) for i in ids.tolist()]
            sound = np.array([is_integer(text) for text in texts], bool)
            numbers = np.array([int(t) if is_integer(t) else 0 for t in texts], np.int64)
        else:
            with np.errstate(invalid="ignore"):
                numbers = ids.astype(np.int64)
            # 2.5 is no id, and neither is a number of more than 64 bits.
            sound = numbers == ids
        places = np.minimum(np.searchsorted(self.known, numbers), len(self) - 1)
        return np.where(sound & (self.known[places] == numbers), places, len(self))

    def rows(self, wanted: Sequence[int | str]) -> Ints:
        """The row of each id, [B]. Raises: InputError: the table does not have one."""
        rows = self.find(wanted)
        if (unknown := rows == len(self)).any():
            raise InputError(self.refusal(wanted[int(np.argmax(unknown))]))
        return rows

    def refusal(self, wanted: int | str) -> str:
        """One line that says that an id is unknown, and which ids are the nearest."""
        is_number = not self.is_text and is_integer(str(wanted))
        problem = f"there is no {self.noun} {QUOTE.repr(int(wanted) if is_number else wanted)}"
        ends = f"the {len(self):,} {self.noun}s have"
        span = f"from {self.known[0]} to {self.known[-1]}"
        if not self.is_text and not is_number:
            return f"{problem}: {ends} whole numbers as ids, {span}"
        place = int(np.searchsorted(self.known, int(wanted) if is_number else str(wanted)))
        nearest = " and ".join(str(i) for i in self.known[max(place - 1, 0) : place + 1])
        return f"{problem}; {ends} ids {span}, the nearest {nearest}"

    def take(self, rows: npt.ArrayLike) -> list[Any]:
        """The ids of some rows, as integers or texts of Python."""
        return self.known[np.asarray(rows, np.int64)].tolist()

    def to_numbers(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Integers as `<name>`; texts as `<name>.bytes`, UTF-8, [N], and `<name>.lengths`, [T]."""
        if not self.is_text:
            return {name: self.known}
        texts = [text.encode() for text in self.known]
        return {
            f"{name}.bytes": np.frombuffer(bytearray(b"".join(texts)), np.uint8),
            f"{name}.lengths": np.array([len(text) for text in texts], np.int32),
        }

    @classmethod
    def from_numbers(cls, name: str, numbers: Mapping[str, npt.NDArray[Any]], noun: str) -> "Ids":
        """The ids whose arrays `to_numbers` made.

        Raises:
            ValueError: they are no ids.
            LookupError: an array is missing.
        """
        if name in numbers:
            known = numbers[name]
            if known.dtype != np.int64 or not (np.diff(known) > 0).all():
                raise ValueError(f"its {name} are no ascending integers")
            return cls(known, noun)
        data = numbers[f"{name}.bytes"].tobytes()
        places = pairwise(accumulate(numbers[f"{name}.lengths"].tolist(), initial=0))
        return cls(np.array([data[start:end].decode() for start, end in places], object), noun)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {text: row for row, text in enumerate(self.known)}


def is_integer(text: str) -> bool:
    """Whether a text is a whole number of 64 bits in its usual spelling."""
    return bool(WHOLE_NUMBER.fullmatch(text)) and -(2**63) <= int(text) < 2**63
