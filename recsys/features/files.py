"""The files of the fitted features, which the stage features writes beside the columns.

`features.json` holds the plain values and the digests of the other two files: `fitted.safetensors`,
the numbers of each movie, and `ratings.parquet`, the visible ratings of each user in the order of
time. Its own digest is in the metadata of the columns and in every checkpoint trained on them.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import load_file, save_file

from recsys.common.errors import InputError
from recsys.features.fitted import Fitted
from recsys.storage.lineage import Lineage, digest, require_same_run
from recsys.storage.parquet import read_parquet, write_parquet
from recsys.storage.schemas import FITTED_RATINGS

VERSION = 1
DESCRIPTION, NUMBERS, RATINGS = "features.json", "fitted.safetensors", "ratings.parquet"


def write_fitted(fitted: Fitted | None, ratings: pa.Table | None, folder: Path) -> str:
    """Write the three files, or the first alone if no feature is computed.

    Args:
        ratings: the columns of `schemas.FITTED_RATINGS`.

    Returns:
        the digest of `features.json`
    """
    content: dict[str, Any] = {"standardisation": {}, "histories": []}
    if fitted is not None:
        save_file(fitted.to_numbers(), folder / NUMBERS)
        write_parquet(ratings, folder / RATINGS, FITTED_RATINGS)
        content = fitted.to_json() | {
            "version": VERSION,
            "files": {name: digest_file(folder / name) for name in (NUMBERS, RATINGS)},
        }
    text = json.dumps(content, indent=2) + "\n"
    (folder / DESCRIPTION).write_text(text)
    if fitted is not None:
        # safetensors makes a file that only its owner can read.
        (folder / NUMBERS).chmod((folder / DESCRIPTION).stat().st_mode)
    return digest(text)


def read_fitted(folder: Path, lineage: Lineage, other: Path) -> tuple[Fitted, pa.Table]:
    """Read the three files.

    Args:
        lineage: the digests of the checkpoint that was trained on the features.
        other: the checkpoint.

    Returns:
        what was fitted, and the columns of `schemas.FITTED_RATINGS`

    Raises:
        InputError: a file is missing, was changed, or is of another run than the checkpoint.
    """
    path = folder / DESCRIPTION
    try:
        text = path.read_text()
        require_same_run(path, replace(lineage, fitted=digest(text)), other, lineage)
        content = json.loads(text)
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}, not {VERSION}")
        for name, expected in content["files"].items():
            if digest_file(folder / name) != expected:
                raise ValueError(f"{name} was changed")
        numbers = load_file(folder / NUMBERS)
        return Fitted.from_parts(content, numbers), read_parquet(folder / RATINGS, FITTED_RATINGS)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: the fitted features cannot be read ({error}); run `dvc repro features`"
        ) from error


def digest_file(path: Path) -> str:
    return digest(np.frombuffer(path.read_bytes(), np.uint8))
