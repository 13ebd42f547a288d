"""The files of the fitted features give back what was written, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest

from recsys.common.errors import InputError
from recsys.features.files import read_fitted, write_fitted
from recsys.storage.lineage import Lineage
from recsys.storage.parquet import write_parquet
from recsys.storage.schemas import FITTED_RATINGS
from recsys.storage.sealed import seal, unseal
from tests.logs import Computed, compute, make_log

CHECKPOINT = Path("models/dlrm")


@pytest.fixture(scope="module")
def computed() -> Computed:
    return compute(make_log(past_only=True))


@pytest.fixture
def folder(computed: Computed, tmp_path: Path) -> Path:
    write_computed(computed, tmp_path)
    return tmp_path


def write_computed(computed: Computed, folder: Path) -> str:
    """Write the three files, and return their digest."""
    write_parquet(computed.ratings, folder / "ratings.parquet", FITTED_RATINGS)
    return write_fitted(computed.fitted, folder)


def test_written_features_are_read_unchanged(computed: Computed, tmp_path: Path) -> None:
    lineage = Lineage("ids", fitted=write_computed(computed, tmp_path))
    fitted, ratings = read_fitted(tmp_path, lineage, CHECKPOINT)
    assert ratings.equals(computed.ratings)
    (plain, arrays), (expected, others) = fitted.to_parts(), computed.fitted.to_parts()
    assert plain == json.loads(json.dumps(expected))
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert array.dtype == others[name].dtype
        np.testing.assert_array_equal(array, others[name])


def test_all_files_have_the_same_rights(folder: Path) -> None:
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_files_of_another_run_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="different runs: they differ in their fitted features"):
        read_fitted(folder, Lineage("ids", fitted="another"), CHECKPOINT)


@pytest.mark.parametrize("name", ["features.json", "fitted.safetensors", "ratings.parquet"])
def test_a_changed_or_missing_file_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=r"features.json: .*it was changed.*dvc repro features"):
        read_fitted(folder, Lineage("ids"), CHECKPOINT)
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        read_fitted(folder, Lineage("ids"), CHECKPOINT)


CONTENTS = ("[]", "{}", "x", '{\n  "files": 1\n}', '{\n  "files": {}\n}')


@pytest.mark.parametrize("content", [*CONTENTS, *map(seal, CONTENTS)])
def test_other_json_is_refused(folder: Path, content: str) -> None:
    (folder / "features.json").write_text(content)
    with pytest.raises(InputError, match="the fitted features cannot be read"):
        read_fitted(folder, Lineage("ids"), CHECKPOINT)


def test_a_run_without_computed_features_writes_one_file(tmp_path: Path) -> None:
    write_fitted(None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["features.json"]
    content = json.loads(unseal((tmp_path / "features.json").read_text()))
    assert content == {"standardisation": {}, "histories": []}
