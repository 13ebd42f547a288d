"""What identifies the content that fetch would read."""

from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.pipeline.params import load_params
from recsys.sources.fingerprint import check_fingerprint, fingerprint, write_fingerprint
from recsys.sources.params import FetchParams, OwnParams
from tests.conftest import PARAMS
from tests.toy import make_toy, write_csv, zip_release

OWN = load_params(PARAMS)[OwnParams]


def make_params(dataset: str) -> FetchParams:
    return load_params(PARAMS)[FetchParams].model_copy(update={"dataset": dataset})


def test_a_pinned_release_is_the_same_from_every_source(tmp_path: Path) -> None:
    params = make_params("ml-1m")
    (tmp_path / "ml-1m.zip").write_bytes(b"anything: fetch checks it")
    assert fingerprint(params, OWN, None) == fingerprint(params, OWN, str(tmp_path))
    assert fingerprint(params, OWN, None) != fingerprint(make_params("ml-100k"), OWN, None)


def test_another_archive_of_the_same_name_is_other_content(tmp_path: Path) -> None:
    params, found = make_params("ml-latest-small"), []
    for seed in (0, 0, 1):
        folder = tmp_path / str(len(found))
        zip_release("ml-latest-small", write_csv(make_toy(seed=seed), folder / "csv"), folder)
        (folder / "other.zip").write_bytes(str(len(found)).encode())
        found.append(fingerprint(params, OWN, str(folder)))
    assert found[0] != found[2]
    assert fingerprint(params, OWN, str(tmp_path / "0")) == found[0]
    # The archive is not here: its content is that of the published one.
    assert fingerprint(params, OWN, str(tmp_path)) == fingerprint(params, OWN, None)
    assert fingerprint(params, OWN, "https://mirror.example.invalid") == fingerprint(
        params, OWN, None
    )


def test_a_mirror_that_does_not_exist_is_reported() -> None:
    with pytest.raises(InputError, match="MOVIELENS_MIRROR=/nowhere: no such folder"):
        fingerprint(make_params("ml-latest-small"), OWN, "/nowhere")


@pytest.mark.parametrize("text", ["", "{", '{"dataset": "ml-1m"}'])
def test_content_that_changed_since_is_refused(tmp_path: Path, text: str) -> None:
    params, path = make_params("ml-100k"), tmp_path / "source.json"
    write_fingerprint(params, OWN, None, path)
    check_fingerprint(path, params, OWN, None)
    path.write_text(text)
    with pytest.raises(InputError, match=r"source.json(: the archive,| cannot be read).*dvc repro"):
        check_fingerprint(path, params, OWN, None)
