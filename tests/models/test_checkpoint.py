import json
import os
import sys
from collections.abc import Callable
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
from recsys.models.checkpoint import FILES, Description, load_checkpoint, save_checkpoint
from recsys.models.params import ModelParams
from recsys.pipeline.params import load_params
from recsys.storage.dimensions import Dimensions
from recsys.storage.sealed import seal
from tests.conftest import PARAMS
from tests.prepared import prepare
from tests.toy import make_toy


@pytest.fixture(scope="module")
def dimensions(tmp_path_factory: pytest.TempPathFactory) -> Dimensions:
    return prepare(make_toy(), tmp_path_factory.mktemp("toy"))


@pytest.fixture
def checkpoint(tmp_path: Path, dimensions: Dimensions) -> Path:
    description = make_description(dimensions)
    save_checkpoint(description.build().state_dict(), description, dimensions, tmp_path / "dlrm")
    return tmp_path / "dlrm"


def make_description(dimensions: Dimensions) -> Description:
    return Description(
        task="regression",
        architecture=load_params(PARAMS)[ModelParams],
        features=DEFAULT_FEATURES,
        embedding_rows={"userid": 61, "movieid": 41, "genres": 4},
        dense_features=("gender",),
        lineage=dimensions.lineage,
    )


def test_a_saved_model_is_loaded_unchanged(tmp_path: Path, dimensions: Dimensions) -> None:
    description = make_description(dimensions)
    model = description.build()
    save_checkpoint(model.state_dict(), description, dimensions, tmp_path / "dlrm")
    loaded, read, tables = load_checkpoint(tmp_path / "dlrm")
    assert read.model_copy(update={"files": {}}) == description
    assert list(read.embedding_rows) == ["userid", "movieid", "genres"]
    weights, expected = loaded.state_dict(), model.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert tables.vocabulary == dimensions.vocabulary
    for name, table in dimensions.tables.items():
        assert tables.tables[name].equals(table)
        counted = dimensions.training_ratings[name]
        assert tables.training_ratings[name].tolist() == counted.tolist()


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
    model, _, _ = load_checkpoint(checkpoint)
    assert set(devices) == {"cpu"}
    assert isinstance(model, dlrm.DLRMRecommender)


def test_mapped_tables_have_the_same_weights(tmp_path: Path, dimensions: Dimensions) -> None:
    built = []
    for folder in (None, tmp_path):
        torch.manual_seed(1)
        built.append(make_description(dimensions).build(folder).state_dict())
    for name, weight in built[0].items():
        torch.testing.assert_close(built[1][name], weight, rtol=0, atol=0)
    assert str(tmp_path) in Path("/proc/self/maps").read_text()


def test_the_folder_holds_everything_that_scoring_needs(checkpoint: Path) -> None:
    names = {"model.json", "model.safetensors", "tables", "counts"}
    assert {path.name for path in checkpoint.iterdir()} == names
    content = json.loads((checkpoint / "model.json").read_text())
    assert [feature["name"] for feature in content["features"]] == [
        f.name for f in DEFAULT_FEATURES
    ]
    assert content["dense_features"] == ["gender"]
    assert content["lineage"].keys() == {"ids", "split", "past_only", "fitted"}


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_a_missing_or_damaged_file_is_an_error(checkpoint: Path, file: str) -> None:
    content = (checkpoint / file).read_bytes()
    (checkpoint / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="dlrm is no checkpoint") as error:
        load_checkpoint(checkpoint)
    assert "\n" not in str(error.value)
    (checkpoint / file).unlink()
    with pytest.raises(InputError, match="dlrm is no checkpoint"):
        load_checkpoint(checkpoint)


def edit(checkpoint: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the content of model.json, and its digest."""
    content = json.loads((checkpoint / "model.json").read_text())
    del content["sha256"]
    change(content)
    (checkpoint / "model.json").write_text(seal(json.dumps(content, indent=2)))


MODEL_CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a missing key": (lambda m: m.pop("task"), r"\(model\.json: task: Field required\)"),
    "another key": (
        lambda m: m.update(x=1),
        r"\(model\.json: x: Extra inputs are not permitted, found 1\)",
    ),
    "another task": (lambda m: m.update(task="ranking"), r"task: Input should be 'classification'"),
    "a text for a number": (
        lambda m: m["architecture"].update(embedding_dimension="32"),
        r"architecture\.embedding_dimension: Input should be a valid integer, found '32'",
    ),
    "another kind": (lambda m: m["architecture"].update(kind="dcn"), "size mismatch|Missing key"),
    "wider layers": (
        lambda m: m["architecture"].update(bottom_layers=[65536] * 50, top_layers=[65536] * 50),
        "Missing key|size mismatch",
    ),
    "a huge dimension": (
        lambda m: m["architecture"].update(embedding_dimension=65536),
        r"model\.json describes embedding tables of 6,946,816 numbers, model\.safetensors has 1",
    ),
    "huge tables": (
        lambda m: m["embedding_rows"].update(userid=10**12),
        r'embedding_rows must be \{"userid": 61, "movieid": 41, "genres": 4\}',
    ),
    "a negative table": (lambda m: m["embedding_rows"].update(userid=-1), "embedding_rows must be"),
    "tables in another order": (
        lambda m: m.update(embedding_rows=dict(reversed(m["embedding_rows"].items()))),
        "embedding_rows must be",
    ),
    "no table": (lambda m: m["embedding_rows"].pop("genres"), "embedding_rows must be"),
    "another feature": (
        lambda m: m["features"][0].update(name="other"),
        "the features are not those of the users and movies",
    ),
    "a feature twice": (
        lambda m: m["features"].append(m["features"][0]),
        "the features are not those of the users and movies",
    ),
    "another column": (
        lambda m: m["features"][-1].update(column="title"),
        "the features are not those of the users and movies",
    ),
    "other dense features": (
        lambda m: m.update(dense_features=["age"]),
        "dense_features must begin with gender",
    ),
    "more dense features": (
        lambda m: m["dense_features"].append("age"),
        "dense_features must begin with gender",
    ),
    "no lineage": (lambda m: m.update(lineage={}), r"lineage\.ids: Field required"),
    "no split": (lambda m: m["lineage"].pop("split"), r"lineage must have the values of"),
    "another meaning": (lambda m: m["lineage"].update(past_only=None), r"lineage must have the"),
    "a text as meaning": (
        lambda m: m["lineage"].update(past_only="no"),
        r"lineage\.past_only: Input should be a valid boolean",
    ),
}


@pytest.mark.parametrize(("change", "message"), MODEL_CHANGES.values(), ids=MODEL_CHANGES)
def test_an_edited_description_is_refused(
    checkpoint: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(checkpoint, change)
    with pytest.raises(InputError, match=rf"dlrm is no checkpoint .*({message})") as error:
        load_checkpoint(checkpoint)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_an_edited_origin_is_of_another_run(checkpoint: Path) -> None:
    edit(checkpoint, lambda model: model["lineage"].update(ids="0" * 64))
    with pytest.raises(InputError, match="are of different runs: they differ in their users and"):
        load_checkpoint(checkpoint)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"task": "regression"', b'"task": "classification"'),
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
        load_checkpoint(checkpoint)


def replace_weights(checkpoint: Path) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    weights = {name: weight.clone() for name, weight in weights.items()}
    weights[BIAS][0] += 1
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
        load_checkpoint(checkpoint)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_files_have_the_usual_rights(
    tmp_path: Path, dimensions: Dimensions, mask: int, mode: int
) -> None:
    description = make_description(dimensions)
    before = os.umask(mask)
    try:
        save_checkpoint(description.build().state_dict(), description, dimensions, tmp_path / "m")
    finally:
        os.umask(before)
    rights = {p.stat().st_mode & 0o777 for p in (tmp_path / "m").rglob("*") if p.is_file()}
    assert rights == {mode}


TABLE = "dlrm.sparse_arch.embedding_bag_collection.embedding_bags.userid.weight"
BIAS = "dlrm.over_arch.0.bias"
WEIGHT_CHANGES: dict[str, tuple[Callable[[dict[str, torch.Tensor]], object], str]] = {
    "not a number": (lambda w: w[TABLE].view(-1)[7:8].fill_(torch.nan), f"'?{TABLE}'? has numbers"),
    "infinite": (lambda w: w[BIAS][0:1].fill_(-torch.inf), f"'?{BIAS}'? has numbers that are not"),
    "halves": (lambda w: w.update({BIAS: w[BIAS].half()}), f"'?{BIAS}'? is torch.float16, not"),
    "integers": (lambda w: w.update({BIAS: w[BIAS].int()}), f"'?{BIAS}'? is torch.int32, not"),
    "one missing": (lambda w: w.pop(BIAS), "not the original file"),
    "one more": (lambda w: w.update(more=torch.zeros(1)), "not the original file"),
    "another shape": (
        lambda w: w.update({BIAS: torch.zeros(3)}),
        "not the original file",
    ),
    "a smaller table": (
        lambda w: w.update({TABLE: w[TABLE][1:].clone()}),
        "not the original file",
    ),
    "none": (lambda w: w.clear(), "describes embedding tables of 3,392 numbers, .* has 0"),
}


@pytest.mark.parametrize(("change", "message"), WEIGHT_CHANGES.values(), ids=WEIGHT_CHANGES)
def test_edited_weights_are_refused(
    checkpoint: Path, change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    weights = {name: weight.clone() for name, weight in weights.items()}
    change(weights)
    save_file(weights, checkpoint / "model.safetensors")
    with pytest.raises(InputError, match=rf"dlrm is no checkpoint \(.*{message}") as error:
        load_checkpoint(checkpoint)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_a_huge_header_is_refused(checkpoint: Path) -> None:
    header = b"{" + b" " * 2**21 + b"}"
    file = checkpoint / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError, match=r"model\.safetensors: a header of 2,097,154 bytes"):
        load_checkpoint(checkpoint)


def test_a_full_disk_names_the_checkpoint(
    checkpoint: Path, dimensions: Dimensions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left (os error 28)")

    before = (checkpoint / "model.json").read_bytes()
    monkeypatch.setattr("recsys.models.checkpoint.save_file", fail)
    with pytest.raises(InputError, match="dlrm: the disk is full; free some space"):
        save_checkpoint({}, make_description(dimensions), dimensions, checkpoint)
    assert (checkpoint / "model.json").read_bytes() == before
