import json
from pathlib import Path

import pytest
import torch

from recsys.common.errors import InputError
from recsys.common.params import load_params
from recsys.common.rating_scale import WHOLE_STARS
from recsys.dataloader.dataset import PLAIN
from recsys.models.checkpoint import Description, load_checkpoint, save_checkpoint
from recsys.models.params import ModelParams
from tests.conftest import PARAMS

SIZES = {"userid": 5, "movieid": 7, "genres": 4}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    description = make_description()
    save_checkpoint(description.build().state_dict(), description, tmp_path / "dlrm")
    return tmp_path / "dlrm"


def make_description() -> Description:
    return Description(
        task="regression",
        architecture=load_params(PARAMS, ModelParams),
        features=PLAIN,
        vocabulary_sizes=SIZES,
        dense_features=("gender",),
        rating_scale=WHOLE_STARS,
    )


def test_a_model_survives_its_folder(tmp_path: Path) -> None:
    description = make_description()
    model = description.build()
    save_checkpoint(model.state_dict(), description, tmp_path / "dlrm")
    loaded, read = load_checkpoint(tmp_path / "dlrm")
    assert read == description
    assert list(read.vocabulary_sizes) == list(SIZES)
    weights, expected = loaded.state_dict(), model.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_tables_that_are_mapped_are_the_same(tmp_path: Path) -> None:
    built = []
    for folder in (None, tmp_path):
        torch.manual_seed(1)
        built.append(make_description().build(folder).state_dict())
    for name, weight in built[0].items():
        torch.testing.assert_close(built[1][name], weight, rtol=0, atol=0)
    assert str(tmp_path) in Path("/proc/self/maps").read_text()


def test_the_folder_holds_weights_and_a_description(checkpoint: Path) -> None:
    assert {path.name for path in checkpoint.iterdir()} == {"model.json", "model.safetensors"}
    content = json.loads((checkpoint / "model.json").read_text())
    assert content["vocabulary_sizes"] == SIZES
    assert content["dense_features"] == ["gender"]
    assert content["rating_scale"] == {"lowest": 1, "highest": 5, "step": 1}


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_a_missing_or_damaged_file_is_told(checkpoint: Path, file: str) -> None:
    content = (checkpoint / file).read_bytes()
    (checkpoint / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="dlrm is no checkpoint") as error:
        load_checkpoint(checkpoint)
    assert "\n" not in str(error.value)
    (checkpoint / file).unlink()
    with pytest.raises(InputError, match="dlrm is no checkpoint"):
        load_checkpoint(checkpoint)


def test_weights_of_another_architecture_are_told(checkpoint: Path) -> None:
    text = (checkpoint / "model.json").read_text()
    (checkpoint / "model.json").write_text(text.replace('"userid": 5', '"userid": 6'))
    with pytest.raises(InputError, match="size mismatch"):
        load_checkpoint(checkpoint)
