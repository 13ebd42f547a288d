"""Checksums of files, written as `ALGORITHM:HEX` with an algorithm that hashlib knows."""

import hashlib
from pathlib import Path

from recsys.common.errors import InputError

CHUNK_BYTES = 2**20


def compute_checksum(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return f"{algorithm}:{digest.hexdigest()}"


def verify_checksum(path: Path, expected: str, source: str) -> None:
    """Check the content of a file.

    Args:
        source: where the file comes from, for the error.

    Raises:
        InputError: the file has another checksum.
    """
    if (actual := compute_checksum(path, expected.partition(":")[0])) != expected:
        raise InputError(
            f"{path.name} from {source}: {actual}, published {expected}; the file is damaged or of "
            "another version: get it again, or read its ratings with fetch.dataset=own"
        )
