"""Fixtures that several test files share."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Small tensors on a busy machine are fastest on one thread. This must be set before torch starts.
os.environ["OMP_NUM_THREADS"] = "1"

from recsys.sources.checksums import compute_checksum
from recsys.sources.releases import RELEASES, Release
from tests import toy as toys
from tests.params import QUICK, set_params
from tests.small import SmallProject, make_small_project

if TYPE_CHECKING:
    from tests.runs import Run

PARAMS = Path(__file__).parents[1] / "params.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("MOVIELENS_MIRROR"):
        return
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.skip(reason="MOVIELENS_MIRROR is not set"))


@pytest.fixture(scope="session")
def toy() -> toys.Toy:
    return toys.make_toy()


def unpinned(name: str) -> Release:
    """A release without checksums and published counts, for files that the tests write."""
    return dataclasses.replace(RELEASES[name], checksums={}, published_counts=None)


def pin(archive: Path) -> Release:
    """The release of an archive that the tests wrote, with the checksum of that archive."""
    checksums = {archive.name: compute_checksum(archive)}
    return dataclasses.replace(unpinned(archive.stem), checksums=checksums)


@pytest.fixture
def mirror(tmp_path: Path, toy: toys.Toy, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with toy archives of ml-1m and ml-latest-small, set as MOVIELENS_MIRROR."""
    mirror = tmp_path / "mirror"
    for archive in (
        toys.zip_release("ml-1m", toys.write_dat(toy, tmp_path / "dat"), mirror),
        toys.zip_release("ml-latest-small", toys.write_csv(toy, tmp_path / "csv"), mirror),
    ):
        monkeypatch.setitem(RELEASES, archive.stem, pin(archive))
    monkeypatch.setenv("MOVIELENS_MIRROR", str(mirror))
    return mirror


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project with params of quick runs; it is the working directory."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    shutil.copy(PARAMS, "params.yaml")
    set_params(**QUICK)


@pytest.fixture(scope="session")
def prepared_run(tmp_path_factory: pytest.TempPathFactory, toy: toys.Toy) -> Path:
    from tests.runs import make_run

    folder = tmp_path_factory.mktemp("run")
    make_run(folder, toy)
    return folder


@pytest.fixture
def run(prepared_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Run":
    """A run with a plain checkpoint, copied for one test; the working directory is its project."""
    from tests.runs import run_in

    shutil.copytree(prepared_run, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return run_in(Path())


@pytest.fixture(scope="session")
def small_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_project(tmp_path_factory.mktemp("small") / "project").folder


@pytest.fixture
def small(small_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A reproduced and committed project, copied for one test; it is the working directory."""
    shutil.copytree(small_template, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return SmallProject(tmp_path / "project")
