"""A fingerprint of the input. DVC runs fetch again when it changes."""

import json
from pathlib import Path
from typing import Any

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.checksums import compute_checksum
from recsys.sources.own import list_files
from recsys.sources.params import FetchParams, OwnParams
from recsys.sources.releases import RELEASES


def fingerprint(params: FetchParams, own: OwnParams) -> dict[str, Any]:
    """The name of the data set and the checksums of its files.

    The checksums of a release are pinned, so its fingerprint is the same from every source.

    Raises:
        InputError: a file of own data is missing.
    """
    if params.dataset == "own":
        checksums = {noun: compute_checksum(file) for noun, file in list_files(own)}
    else:
        checksums = RELEASES[params.dataset].checksums
    return {"dataset": params.dataset, "checksums": checksums}


def write_fingerprint(params: FetchParams, own: OwnParams, path: Path) -> None:
    """Write the fingerprint to a JSON file. Raises: as `fingerprint`."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(fingerprint(params, own), indent=2) + "\n")


def check_fingerprint(path: Path, params: FetchParams, own: OwnParams) -> None:
    """Check that the input is still as it was when `write_fingerprint` wrote the file.

    Raises:
        InputError: the input has changed, or the file is missing or damaged.
    """
    try:
        expected = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); run `dvc repro`") from error
    if expected != fingerprint(params, own):
        raise InputError(
            f"{path}: the data set or a file of own changed since stage source ran; run `dvc "
            "repro` again"
        )
