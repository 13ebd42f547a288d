"""Notes about plausible but odd values, with their count and an example. They stay as they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys.common.arrays import Mask
from recsys.common.params import show
from recsys.data.files.columns import ZONE
from recsys.data.files.text_table import TextTable
from recsys.data.schema import Column


@dataclass
class Example:
    """The number of odd values, and the first of them; "" if there is none."""

    count: int = 0
    value: str = ""

    def add(self, later: "Example") -> None:
        self.count += later.count
        self.value = self.value or later.value


def show_id(identity: object) -> str:
    """An id as messages quote it."""
    return show(identity) if isinstance(identity, str) else str(identity)


def find_alike(what: str, texts: pa.StringArray, ids: bool = False) -> list[str]:
    """A note with the number of texts that differ from another one only by letter case or spaces.

    Args:
        what: what the texts are called, in the plural.
        texts: all different, [U]
        ids: whether texts that differ only by zeros in front are alike too.
    """
    plain = pc.replace_substring_regex(pc.utf8_lower(texts), r"\s+", "")
    if ids:
        plain = pc.utf8_ltrim(plain, "0")
    codes = plain.dictionary_encode().indices.to_numpy()
    again = pd.Series(codes).duplicated().to_numpy()
    if not again.any():
        return []
    second = int(np.argmax(again))
    first = int(np.argmax(codes == codes[second]))
    by = "letter case, spaces or zeros in front" if ids else "letter case or spaces"
    return [
        f"{what} that differ from another only by {by}: {again.sum():,}, such as "
        f"{show(texts[first].as_py())} and {show(texts[second].as_py())}; each counts as its own"
    ]


def find_spaced(column: Column, shown: str, text: str) -> str:
    """A note that ids have spaces around them in the file.

    Args:
        text: such an id.
    """
    return (
        f"ids of {column.shown} in {shown} have spaces around them, such as {show(text)}; they are "
        "read without"
    )


def count_ids(what: str, odd: Mask, ids: npt.NDArray[Any]) -> list[str]:
    """A note with the number of odd users or movies, and an example.

    Args:
        what: what the odd ones are called, in the plural.
        odd: whether each user or movie is odd, [E]
        ids: the id of each user or movie, [E]
    """
    if not odd.any():
        return []
    example = show_id(ids[np.argmax(odd)])
    return [f"{what}: {odd.sum():,} of {len(ids):,}, such as {example}"]


def find_times_without_zone(table: TextTable, column: Column) -> Example:
    """The ISO 8601 times without a time zone."""
    texts = pc.utf8_trim_whitespace(table.texts(column))
    without = pc.invert(pc.match_substring_regex(texts, ZONE))
    count = pc.sum(without).as_py()
    return Example(count, texts.filter(without)[0].as_py()) if count else Example()
