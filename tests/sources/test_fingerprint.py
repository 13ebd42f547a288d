"""The fingerprint of the input: the checksums of a release or of own files."""

from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.pipeline.params import load_params
from recsys.sources.fingerprint import check_fingerprint, fingerprint, write_fingerprint
from recsys.sources.params import FetchParams, OwnParams
from recsys.sources.releases import RELEASES
from tests.conftest import PARAMS

OWN = load_params(PARAMS)[OwnParams]


def make_params(dataset: str) -> FetchParams:
    return load_params(PARAMS)[FetchParams].model_copy(update={"dataset": dataset})


def test_a_release_is_known_by_its_checksums() -> None:
    assert fingerprint(make_params("ml-1m"), OWN) == {
        "dataset": "ml-1m",
        "checksums": RELEASES["ml-1m"].checksums,
    }
    found = [fingerprint(make_params(name), OWN) for name in RELEASES]
    assert all(each not in found[:place] for place, each in enumerate(found))


def test_own_files_are_known_by_their_content(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    own, found = OWN.model_copy(update={"interactions": str(file)}), []
    for content in ("a", "b", "a"):
        file.write_text(content)
        found.append(fingerprint(make_params("own"), own))
    assert found[0] == found[2] != found[1]
    file.unlink()
    with pytest.raises(InputError, match=r"own.interactions = .*own.csv: no such file"):
        fingerprint(make_params("own"), own)


@pytest.mark.parametrize("text", ["", "{", '{"dataset": "ml-1m"}'])
def test_content_that_changed_since_is_refused(tmp_path: Path, text: str) -> None:
    params, path = make_params("ml-100k"), tmp_path / "source.json"
    write_fingerprint(params, OWN, path)
    check_fingerprint(path, params, OWN)
    path.write_text(text)
    with pytest.raises(InputError, match=r"source.json(: the data set| cannot be read).*dvc repro"):
        check_fingerprint(path, params, OWN)
