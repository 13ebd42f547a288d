import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from recsys.common.errors import InputError
from recsys.dataloader.dataset import DEFAULT_FEATURES
from recsys.models import dlrm
from recsys.models.checkpoint import (
    FILES,
    Checkpoint,
    build_model,
    load_model,
    read_checkpoint,
    save_checkpoint,
)
from recsys.models.description import Description, Heads
from recsys.models.params import ModelParams
from recsys.pipeline.params import load_params
from recsys.storage.dimensions import Dimensions
from recsys.storage.sealed import seal, unseal
from tests.conftest import PARAMS
from tests.errors import refused
from tests.prepared import prepare
from tests.toy import make_toy


@pytest.fixture(scope="module")
def dimensions(tmp_path_factory: pytest.TempPathFactory) -> Dimensions:
    return prepare(make_toy(), tmp_path_factory.mktemp("toy"))


@pytest.fixture
def checkpoint(tmp_path: Path, dimensions: Dimensions) -> Path:
    save_checkpoint(make_checkpoint(dimensions), tmp_path / "dlrm")
    return tmp_path / "dlrm"


def make_checkpoint(dimensions: Dimensions) -> Checkpoint:
    names = tuple(feature.name for feature in DEFAULT_FEATURES)
    description = Description(
        heads=Heads((1.5, 2.5, 3.5, 4.5), 2, (1.0, 2.0, 3.0, 4.0, 5.0)),
        architecture=load_params(PARAMS)[ModelParams].architecture(),
        features=names,
        tables={name: name for name in names if name != "gender"},
        embedding_rows={"userid": 61, "movieid": 41, "genres": 4},
        dense_features=("gender",),
    )
    lineage = replace(dimensions.lineage, fitted="x")
    return Checkpoint(description, lineage, dimensions, build_model(description).state_dict())


def test_a_saved_model_is_loaded_unchanged(tmp_path: Path, dimensions: Dimensions) -> None:
    saved = make_checkpoint(dimensions)
    save_checkpoint(saved, tmp_path / "dlrm")
    read = read_checkpoint(tmp_path / "dlrm")
    assert read.description == saved.description
    assert read.lineage == saved.lineage
    # The order of the tables is that of the features.
    assert list(read.description.tables) == ["userid", "movieid", "genres"]
    assert read.features == DEFAULT_FEATURES
    torch.testing.assert_close(load_model(read).state_dict(), saved.weights, rtol=0, atol=0)
    assert read.dimensions.vocabulary == dimensions.vocabulary
    for name, table in dimensions.tables.items():
        assert read.dimensions.tables[name].equals(table)
        counted = dimensions.training_ratings[name]
        assert read.dimensions.training_ratings[name].tolist() == counted.tolist()


def test_torchrec_is_imported_before_the_layers_have_no_memory(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is imported it computes, which a tensor without memory cannot."""
    devices = []

    class Imported(ModuleType):
        def __getattr__(self, name: str) -> object:
            devices.append(torch.get_default_device().type)
            return getattr(dlrm, name)

    monkeypatch.setitem(sys.modules, dlrm.__name__, Imported(dlrm.__name__))
    model = load_model(read_checkpoint(checkpoint))
    assert set(devices) == {"cpu"}
    assert isinstance(model, dlrm.DLRMRecommender)


def test_mapped_tables_have_the_same_weights(tmp_path: Path, dimensions: Dimensions) -> None:
    built = []
    for folder in (None, tmp_path):
        torch.manual_seed(1)
        built.append(build_model(make_checkpoint(dimensions).description, folder).state_dict())
    torch.testing.assert_close(*built, rtol=0, atol=0)
    assert str(tmp_path) in Path("/proc/self/maps").read_text()


def test_the_folder_holds_everything_that_scoring_needs(checkpoint: Path) -> None:
    names = {"model.json", "model.safetensors", "tables", "counts"}
    assert {path.name for path in checkpoint.iterdir()} == names
    content = json.loads((checkpoint / "model.json").read_text())
    assert content.keys() == {"model", "lineage", "files", "sha256"}
    assert content["lineage"].keys() == {"ids", "split", "past_only", "fitted"}
    assert tuple(content["files"]) == FILES


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_a_missing_or_damaged_file_is_an_error(checkpoint: Path, file: str) -> None:
    content = (checkpoint / file).read_bytes()
    (checkpoint / file).write_bytes(content[: len(content) // 2])
    with refused("dlrm is no checkpoint"):
        read_checkpoint(checkpoint)
    (checkpoint / file).unlink()
    with refused("dlrm is no checkpoint"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"label": 2', b'"label": 1'),
        (b'"pooling": "mean"', b'"pooling": "sum"'),
        (b'"dropout": 0.0', b'"dropout": 0.5'),
        (b'"model.safetensors": "', b'"model.safetensors": "0'),
        (b'"sha256": "', b'"sha256": "0'),
        (b"{", b" {"),
        (b"\n", b"\r\n"),
        (b"\n}\n", b"\n}"),
        (b'"sha256"', b'"x"'),
    ],
)
def test_any_changed_byte_of_the_description_is_refused(
    checkpoint: Path, old: bytes, new: bytes
) -> None:
    content = (checkpoint / "model.json").read_bytes()
    assert old in content
    (checkpoint / "model.json").write_bytes(content.replace(old, new, 1))
    message = (
        r"dlrm is no checkpoint \(model\.json: not the original file: it was changed, or "
        r"is of an older version\); restore it with `dvc checkout`, or run `dvc repro train`$"
    )
    with pytest.raises(InputError, match=message):
        read_checkpoint(checkpoint)


def replace_weights(checkpoint: Path) -> None:
    weights = {n: w.clone() for n, w in load_file(checkpoint / "model.safetensors").items()}
    weights["network.over_arch.0.bias"][0] += 1
    save_file(weights, checkpoint / "model.safetensors")


def replace_column(path: Path, name: str, value: object) -> None:
    table = pq.read_table(path)
    values = pa.array([value] * len(table), table[name].type)
    table = table.set_column(table.column_names.index(name), table.schema.field(name), values)
    pq.write_table(table, path)


def replace_vocabulary(path: Path) -> None:
    path.write_text(path.read_text().replace('"label_threshold": 3.0', '"label_threshold": 2.0'))


FILE_CHANGES: dict[str, Callable[[Path], object]] = {
    "model.safetensors": lambda path: replace_weights(path.parent),
    "tables/vocabulary.json": replace_vocabulary,
    "tables/users.parquet": lambda path: replace_column(path, "gender", 1.0),
    "tables/movies.parquet": lambda path: replace_column(path, "title", "other"),
    "counts/users.parquet": lambda path: replace_column(path, "training_ratings", 7),
    "counts/movies.parquet": lambda path: replace_column(path, "training_ratings", 0),
}


@pytest.mark.parametrize(("file", "change"), FILE_CHANGES.items(), ids=FILE_CHANGES)
def test_a_file_that_fits_but_is_another_one_is_refused(
    checkpoint: Path, file: str, change: Callable[[Path], object]
) -> None:
    assert tuple(FILE_CHANGES) == FILES
    before = (checkpoint / file).read_bytes()
    change(checkpoint / file)
    assert (checkpoint / file).read_bytes() != before
    with pytest.raises(InputError, match=rf"dlrm is no checkpoint \({file}: not the original file"):
        read_checkpoint(checkpoint)


# The keys in place of heads in version 2.0.0.
OLD = {"task": "classification", "stars": [1.0, 5.0]}


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"task": "regression"},
        lambda content: content | {"model": []},
        lambda content: content | {"model": OLD | without(content["model"], "heads")},
        lambda content: content | {"model": OLD | content["model"]},
        lambda content: content | {"model": content["model"] | {"heads": {"label": 0}}},
    ],
)
def test_a_description_of_another_version_is_refused(
    checkpoint: Path, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Its digest is right, but it has other keys."""
    content = json.loads(unseal((checkpoint / "model.json").read_text()))
    (checkpoint / "model.json").write_text(seal(json.dumps(change(content), indent=2)))
    message = r"dlrm is no checkpoint \(model.json: of another version\); .*`dvc repro train`$"
    with pytest.raises(InputError, match=message):
        read_checkpoint(checkpoint)


def without(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_files_have_the_usual_rights(
    tmp_path: Path, dimensions: Dimensions, mask: int, mode: int
) -> None:
    saved = make_checkpoint(dimensions)
    before = os.umask(mask)
    try:
        save_checkpoint(saved, tmp_path / "m")
    finally:
        os.umask(before)
    rights = {p.stat().st_mode & 0o777 for p in (tmp_path / "m").rglob("*") if p.is_file()}
    assert rights == {mode}


def test_a_full_disk_names_the_checkpoint(
    checkpoint: Path, dimensions: Dimensions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left (os error 28)")

    before = (checkpoint / "model.json").read_bytes()
    monkeypatch.setattr("recsys.models.checkpoint.save_file", fail)
    with pytest.raises(InputError, match="dlrm: the disk is full; free some space"):
        save_checkpoint(make_checkpoint(dimensions), checkpoint)
    assert (checkpoint / "model.json").read_bytes() == before
