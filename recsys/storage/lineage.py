"""The lineage of a file: which ids, which split and which fitted features it was made from.

It is in the metadata of Parquet files, and in the JSON description of a model. Files that are used
together must be of the same run.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from recsys.common.errors import InputError
from recsys.common.pair_hash import INCREMENT, mix
from recsys.storage.parquet import REMEDY, read_metadata


@dataclass(frozen=True)
class Lineage:
    """What a file was made from. A field is None in the files of earlier stages.

    Attributes:
        ids: a digest of the raw ids of users and movies, and of the names behind the codes.
        split: a digest of the ratings, the drawn negatives and the part of each (`digest_rows`).
        past_only: whether the features of a rating come from all ratings of an earlier second;
            if not, they come from the other ratings of the training part.
        fitted: a digest of the fitted features.
    """

    ids: str
    split: str | None = None
    past_only: bool | None = None
    fitted: str | None = None

    def to_metadata(self) -> dict[str, str]:
        """The fields that are not None, as texts for the metadata of a Parquet file."""
        fields = {"ids": self.ids, "split": self.split, "fitted": self.fitted}
        texts = {name: value for name, value in fields.items() if value is not None}
        if self.past_only is not None:
            texts["past_only"] = str(self.past_only).lower()
        return texts


# The fields that the files of a stage have.
FIELDS = {
    "encode": ("ids",),
    "split": ("ids", "split", "past_only"),
    "features": ("ids", "split", "past_only", "fitted"),
}
Stage = Literal["encode", "split", "features"]
CONTENT = TypeAdapter(Lineage)
# What each field is about, in words that error messages quote.
SUBJECTS = {
    "ids": "users and movies",
    "split": "split",
    "past_only": "split",
    "fitted": "fitted features",
}


def read_lineage(path: Path, stage: Stage) -> Lineage:
    """Read the lineage of a Parquet file.

    Args:
        stage: the fields that its files have are read, and none may be missing.

    Raises:
        InputError: a field is missing or wrong, or the file is missing or damaged.
    """
    fields = read_metadata(path)
    for name in FIELDS[stage]:
        if name not in fields:
            raise InputError(f"{path} does not name its {SUBJECTS[name]}: no {name}; {REMEDY}")
    try:
        return CONTENT.validate_python({name: fields[name] for name in FIELDS[stage]})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {first['loc'][0]}: {first['msg']}; {REMEDY}") from error


def require_same_run(path: Path, lineage: Lineage, other: Path, others: Lineage) -> None:
    """Compare the fields that both files have. Neither is None where its stage has a value.

    Raises:
        InputError: a field differs. The message names both files and what differs.
    """
    for name, subject in SUBJECTS.items():
        values = getattr(lineage, name), getattr(others, name)
        if None not in values and values[0] != values[1]:
            raise InputError(
                f"{path} and {other} are of different runs: they differ in their {subject}; "
                "run `dvc repro`, or name files of the same run"
            )


def digest(*parts: npt.NDArray[np.generic] | str) -> str:
    """The SHA-256 of arrays and texts in the given order."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        # The length comes first, so that moving bytes from one part to the next changes the digest.
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()


def digest_rows(*columns: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """A digest of rows of integers: two sums of a hash of each row, modulo 2**64.

    The order of the rows has no effect. The digest of several partitions is the sum of theirs.
    """
    hashed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        hashed = mix(hashed + column.astype(np.uint64) + INCREMENT)
    return np.array([hashed.sum(), mix(hashed + np.uint64(1)).sum()], np.uint64)
