import json
from pathlib import Path

import pytest
import torch

from recsys.common.errors import InputError
from recsys.dataloader.dataset import DEFAULT_FEATURES
from recsys.models.checkpoint import Description, load_checkpoint, save_checkpoint
from recsys.models.params import ModelParams
from recsys.pipeline.params import load_params
from recsys.storage.dimensions import Dimensions
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
        origin=dimensions.origin,
    )


def test_a_saved_model_is_loaded_unchanged(tmp_path: Path, dimensions: Dimensions) -> None:
    description = make_description(dimensions)
    model = description.build()
    save_checkpoint(model.state_dict(), description, dimensions, tmp_path / "dlrm")
    loaded, read, tables = load_checkpoint(tmp_path / "dlrm")
    assert read == description
    assert list(read.embedding_rows) == ["userid", "movieid", "genres"]
    weights, expected = loaded.state_dict(), model.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert tables.vocabulary == dimensions.vocabulary
    for name, table in dimensions.tables.items():
        assert tables.tables[name].equals(table)
        counted = dimensions.training_ratings[name]
        assert tables.training_ratings[name].tolist() == counted.tolist()


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
    assert content["origin"].keys() == {"ids", "split", "visible"}


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


def test_weights_of_another_architecture_are_an_error(checkpoint: Path) -> None:
    text = (checkpoint / "model.json").read_text()
    (checkpoint / "model.json").write_text(text.replace('"userid": 61', '"userid": 62'))
    with pytest.raises(InputError, match="size mismatch"):
        load_checkpoint(checkpoint)
