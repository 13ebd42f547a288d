"""What `dvc.lock` records of a run, and whether the files at hand are those of it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recsys.common.errors import InputError
from recsys.common.params import read_yaml

BYTES_AT_ONCE = 2**20


class RunRecord:
    """The stages of a project as DVC last ran them.

    Args:
        project: the folder with dvc.lock.

    Attributes:
        params: the sections of params.yaml that the stages ran with.
        outputs: the hash of each, by path.

    Raises:
        InputError: there is no dvc.lock.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        content: Any = read_yaml(project / "dvc.lock")
        stages = content["stages"].values()
        self.params: dict[str, dict[str, object]] = {}
        self.outputs: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        for stage in stages:
            self.params |= stage.get("params", {}).get("params.yaml", {})
            self.inputs |= {dep["path"]: dep["md5"] for dep in stage["deps"]}
            self.outputs |= {out["path"]: out["md5"] for out in stage["outs"]}

    def check(self, needed: tuple[str, ...]) -> None:
        """Compare all inputs and outputs that are at hand.

        Raises:
            InputError: one is another than recorded, or a needed one is missing.
        """
        for path, recorded in (self.inputs | self.outputs).items():
            file = self.project / path
            if not file.exists() and path in needed:
                raise InputError(f"{file} is missing; run `dvc repro` or `dvc pull`")
            if file.exists() and hash_of(file) != recorded:
                raise InputError(f"{file} is not what dvc.lock records; run `dvc repro`")


def hash_of(path: Path) -> str:
    """A file's or a folder's hash as DVC writes it."""
    if path.is_file():
        return _md5(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    entries = [{"md5": _md5(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    content = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(BYTES_AT_ONCE):
            yield piece
