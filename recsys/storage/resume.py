"""A file that an interrupted training resumes from."""

import copy
import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from recsys.common.atomic import atomic_write, remove
from recsys.common.params import Section

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
# The length of a SHA-256 in hexadecimal digits.
HEX = 64


class DamagedStateError(Exception):
    """A file is not what `ResumeFile.save` wrote."""


class ResumeFile:
    """The saved state of one training run.

    The file ends with two SHA-256 digests. The first is of all that the run depends on: params,
    data, code and torch's version. The second is of all bytes before it.

    Args:
        path: written atomically, so a killed process leaves the old or the new state.
        params: the sections that the run depends on.
        data: the files that the run depends on.
        rooms: the folders of recsys that the run depends on.
    """

    def __init__(
        self, path: Path, params: Iterable[Section], data: Iterable[Path], rooms: Iterable[str]
    ) -> None:
        self.path = path
        self.run = digest_run(params, data, rooms)

    def save(self, state: dict[str, Any]) -> None:
        """Write a state of tensors, numbers, and containers of these.

        Raises:
            InputError: the disk is full.
        """
        with atomic_write(self.path) as partial, partial.open("w+b") as file:
            torch.save(state, file)
            file.write(self.run.encode())
            file.write(digest_start(file, file.tell()))

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None if there is none of this run or it is damaged.

        The file is not trusted: no code from it runs.
        """
        try:
            return self.read()
        except DamagedStateError:
            log.warning("the saved state %s is damaged; training starts anew", self.path)
            return None

    def read(self) -> dict[str, Any] | None:
        """The saved state, or None if there is none of this run.

        Raises:
            DamagedStateError: the file is not what `save` wrote.
        """
        try:
            with self.path.open("rb") as file:
                if read_run(file) != self.run.encode():
                    return None
                file.seek(0)
                return torch.load(file, weights_only=True)
        except FileNotFoundError:
            return None
        # A file that ResumeFile did not write may make torch raise anything.
        except Exception as error:
            raise DamagedStateError from error

    def remove(self) -> None:
        remove(self.path)

    def with_suffix(self, suffix: str) -> "ResumeFile":
        """A second file of the same run, in the same folder."""
        other = copy.copy(self)
        other.path = self.path.with_name(f"{self.path.name}.{suffix}")
        return other


def digest_run(params: Iterable[Section], data: Iterable[Path], rooms: Iterable[str]) -> str:
    """The SHA-256 of all that a run depends on."""
    digest = hashlib.sha256(torch.__version__.encode())
    for section in params:
        digest.update(section.model_dump_json().encode())
    # Resuming with changed code would give a model that neither version of the code gives.
    code = (file for room in rooms for file in sorted((PACKAGE / room).glob("*.py")))
    for path in (*data, *code):
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()


def read_run(file: BinaryIO) -> bytes:
    """The digest of the run that wrote a state.

    Raises:
        DamagedStateError: the content does not have the digest at the end of the file.
    """
    end = file.seek(0, os.SEEK_END) - HEX
    if end < HEX:
        raise DamagedStateError
    expected = digest_start(file, end)
    if file.read() != expected:
        raise DamagedStateError
    file.seek(end - HEX)
    return file.read(HEX)


def digest_start(file: BinaryIO, length: int) -> bytes:
    """The SHA-256 of the first bytes of a file, in hexadecimal; the file's position is then there.

    Args:
        length: how many bytes; the file has at least these.
    """
    digest = hashlib.sha256()
    file.seek(0)
    while length:
        chunk = file.read(min(length, 2**20))
        digest.update(chunk)
        length -= len(chunk)
    return digest.hexdigest().encode()
