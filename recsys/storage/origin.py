"""The origin of a file: digests that say which run it belongs to.

They are in the metadata of Parquet files and in the model.json of a checkpoint. Files that are
used together must agree in every digest that they share.
"""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys.common.errors import InputError

# The digests by key. The files of a split have one more key, `visible`; see `describe_split`.
Origin = dict[str, str]
# The content of each digest, in words that error messages quote.
DIGEST_NAMES = {
    "ids": "users and movies",
    "split": "split",
    "fitted": "fitted features",
}


def digest(*parts: npt.NDArray[np.generic] | str) -> str:
    """The SHA-256 of arrays and texts in the given order."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        # The length comes first, so that moving bytes from one part to the next changes the digest.
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()


def require_same_run(path: Path, origin: Origin, other: Path, others: Origin) -> None:
    """Compare the digests that two files share.

    Raises:
        InputError: a digest differs. The message names both files and what differs.
    """
    for key, name in DIGEST_NAMES.items():
        if key in origin and key in others and origin[key] != others[key]:
            raise InputError(
                f"{path} and {other} are of different runs: they differ in their {name}; "
                "run `dvc repro`, or name files of the same run"
            )
