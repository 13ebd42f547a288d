"""Which content fetch would read, so that DVC sees other content as another run."""

import json
from pathlib import Path
from typing import Any

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.archives import digest_file, find_mirror_folder
from recsys.sources.own import digest_own
from recsys.sources.params import FetchParams, OwnParams
from recsys.sources.releases import RELEASES

Fingerprint = dict[str, Any]


def fingerprint(params: FetchParams, own: OwnParams, mirror: str | None) -> Fingerprint:
    """What identifies the content that fetch would read, wherever it comes from.

    Nothing is downloaded. The files of a pinned release have known checksums, so their source does
    not count. An archive of another release is known by its own checksum if the mirror is a folder.

    Args:
        mirror: the value of MOVIELENS_MIRROR.

    Raises:
        InputError: the mirror is not a folder or an https:// base, or a file of own is not there.
    """
    found: Fingerprint = {"dataset": params.dataset}
    if params.dataset == "own":
        return found | {"sha256": digest_own(own)}
    if params.dataset == "synthetic":
        return found
    release = RELEASES[params.dataset]
    if release.pinned:
        return found | {"sha256": {member.name: member.sha256 for member in release.members}}
    folder = find_mirror_folder(mirror)
    archive = folder / f"{release.name}.zip" if folder else None
    if archive and archive.is_file():
        return found | {"sha256": {archive.name: digest_file(archive, "sha256")}}
    return found | {"archive": "as published"}


def write_fingerprint(params: FetchParams, own: OwnParams, mirror: str | None, path: Path) -> None:
    """Write the fingerprint to a JSON file. Raises: as `fingerprint`."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(fingerprint(params, own, mirror), indent=2) + "\n")


def check_fingerprint(path: Path, params: FetchParams, own: OwnParams, mirror: str | None) -> None:
    """Check that the content is still the one that `write_fingerprint` saw.

    Raises:
        InputError: the content changed since, or the file is missing or damaged.
    """
    try:
        expected = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); run `dvc repro`") from error
    if expected != fingerprint(params, own, mirror):
        raise InputError(
            f"{path}: the archive, MOVIELENS_MIRROR or a file of own changed since stage source "
            "ran; run `dvc repro` again"
        )
