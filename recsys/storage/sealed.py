"""Descriptions that hold digests, so that a changed file is refused.

A description is a JSON file. It holds the SHA-256 of the other files of its folder and, in its last
line, of its own other lines.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from recsys.storage.lineage import digest

# What the last line of a description begins with.
SEAL = ',\n  "sha256": "'
CHANGED = "not the original file: it was changed, or is of an older version"


def seal(text: str) -> str:
    """Add the digest of the text of a JSON object to it, as its last line."""
    return text.removesuffix("\n}") + f'{SEAL}{digest(text)}"\n}}\n'


def unseal(content: str) -> str:
    """The text that `seal` was given. Raises: ValueError: it was changed."""
    text = content.rpartition(SEAL)[0] + "\n}"
    if seal(text) != content:
        raise ValueError(CHANGED)
    return text


def digest_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each file, by name."""
    return {
        name: hashlib.sha256(np.memmap(folder / name, mode="r").data).hexdigest() for name in names
    }


def check_files(folder: Path, names: Iterable[str], digests: Mapping[str, str]) -> None:
    """Compare files with the digests that `digest_files` gave.

    Raises:
        ValueError: a file was changed.
        OSError: a file is missing.
    """
    for name in names:
        # An empty file cannot be mapped.
        empty = not (folder / name).stat().st_size
        if empty or digest_files(folder, [name])[name] != digests.get(name):
            raise ValueError(f"{name}: {CHANGED}")
