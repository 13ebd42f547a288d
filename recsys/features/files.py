"""The files of the fitted features, which the stage features writes beside the columns.

`features.json` holds the plain values and the digests of the other two files: `fitted.safetensors`,
the arrays, and `ratings.parquet`, the visible ratings of each user in the order of time. Its own
digest is in its last line, in the metadata of the columns and in every checkpoint trained on them.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from safetensors.numpy import load_file, save

from recsys.common.errors import InputError
from recsys.features.fitted import Fitted
from recsys.storage.lineage import Lineage, digest, require_same_run
from recsys.storage.parquet import read_parquet
from recsys.storage.schemas import FITTED_RATINGS
from recsys.storage.sealed import check_files, digest_files, seal, unseal

DESCRIPTION, ARRAYS, RATINGS = "features.json", "fitted.safetensors", "ratings.parquet"


def write_fitted(fitted: Fitted | None, folder: Path) -> str:
    """Write the first two files, or the first alone if no feature is computed; return its digest.

    Args:
        folder: has the ratings already if a feature is computed.
    """
    content: dict[str, Any] = {"standardisation": {}, "histories": []}
    if fitted is not None:
        content, arrays = fitted.to_parts()
        (folder / ARRAYS).write_bytes(save(arrays))
        content["files"] = digest_files(folder, (ARRAYS, RATINGS))
    text = json.dumps(content, indent=2)
    (folder / DESCRIPTION).write_text(seal(text))
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
        text = unseal(path.read_bytes().decode())
        require_same_run(path, replace(lineage, fitted=digest(text)), other, lineage)
        content = json.loads(text)
        check_files(folder, (ARRAYS, RATINGS), content.pop("files"))
        fitted = Fitted.from_parts(content, load_file(folder / ARRAYS))
        return fitted, read_parquet(folder / RATINGS, FITTED_RATINGS)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: the fitted features cannot be read ({error}); run `dvc repro features`"
        ) from error
