"""Which run a file is of.

Digests travel in the metadata of Parquet files and in a checkpoint's model.json. Files that are
used together must agree in those that they share.
"""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.errors import InputError

# By key, what a digest is of.
Origin = dict[str, str]
MEANING = {
    "ids": "users and movies",
    "split": "split",
    "fitted": "fitted features",
}


def digest(*parts: npt.NDArray[np.generic] | str) -> str:
    """The SHA-256 of arrays and texts, one after the other."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        # With its length, so that what ends one part cannot begin the next.
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()


def require_same_run(path: Path, origin: Origin, other: Path, others: Origin) -> None:
    """Compare the digests that both have.

    Raises:
        InputError: they differ; names both files and what they differ in.
    """
    for key, meaning in MEANING.items():
        if key in origin and key in others and origin[key] != others[key]:
            raise InputError(
                f"{path} and {other} are of different runs: they have other {meaning}; "
                "run `dvc repro`, or name the files of one run"
            )
