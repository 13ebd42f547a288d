"""The user's own files, which params.yaml names."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.params import OwnParams


def list_files(params: OwnParams) -> Iterator[tuple[str, Path]]:
    """Yield each file that params.yaml names, after what it holds: interactions, users or items.

    Raises:
        InputError: params.yaml names no interactions, or names a file that does not exist.
    """
    if not params.interactions:
        raise InputError(
            "fetch.dataset = own: own.interactions is empty; set it to the path of your file"
        )
    for noun in ("interactions", "users", "items"):
        if path := getattr(params, noun):
            file = Path(path).expanduser()
            if not file.is_file():
                raise InputError(
                    f"own.{noun} = {path}: no such file; a relative path starts at the project's "
                    "root, so an experiment in another folder needs an absolute one"
                )
            yield noun, file


def copy_own(params: OwnParams, folder: Path) -> None:
    """Copy each file into a folder of its own inside `folder`. Raises: as `list_files`."""
    with atomic_write(folder) as partial:
        partial.mkdir()
        for noun, file in list_files(params):
            (partial / noun).mkdir()
            shutil.copyfile(file, partial / noun / file.name)
