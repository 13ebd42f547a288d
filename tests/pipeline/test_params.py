import re
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from recsys.common.errors import InputError
from recsys.common.params import Section
from recsys.pipeline.params import SECTIONS, load_params
from recsys.sources.params import FetchParams
from recsys.sources.releases import RELEASES
from recsys.training.params import TrainParams
from tests.conftest import PARAMS


@pytest.mark.parametrize("section", SECTIONS)
def test_the_params_of_the_project_are_valid_and_frozen(section: type[Section]) -> None:
    params = load_params(PARAMS)[section]
    with pytest.raises(ValueError, match="frozen"):
        setattr(params, next(iter(section.model_fields)), None)


def test_every_key_has_a_comment_above_it() -> None:
    text = PARAMS.read_text()
    keys = [key for section in SECTIONS for key in section.model_fields]
    for key in set(keys):
        comment = rf"^  # .*\n  {key}:|^  # {key}: .*"
        assert len(re.findall(comment, text, re.MULTILINE)) >= keys.count(key), key


def test_every_release_can_be_chosen() -> None:
    assert set(get_args(FetchParams.model_fields["dataset"].annotation)) == set(RELEASES)


def test_an_exponent_is_read_as_a_number(tmp_path: Path) -> None:
    # PyYAML would read `3e-4` as a string.
    path = tmp_path / "params.yaml"
    path.write_text(re.sub("learning_rate: .*", "learning_rate: 3e-4", PARAMS.read_text()))
    assert load_params(path)[TrainParams].learning_rate == 0.0003


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("split.test", 1.2, "split.test = 1.2: must be a number above 0 and below 1"),
        ("split.train", 0.7, "split: train + validation + test is 0.9; it must be 1"),
        ("split.method", "time", "split.method = 'time': must be one of random, chronological"),
        ("train.batch_size", 0, "train.batch_size = 0: must be an integer from 1 to 1e9"),
        ("train.batch_size", "64", "train.batch_size = '64': must be an integer"),
        ("train.batch_size", 1.5, "train.batch_size = 1.5: must be an integer"),
        ("train.batch_size", 10**20, "train.batch_size = 100000000000000000000: must be an integ"),
        ("train.epochs", True, "train.epochs = True: must be an integer from 1"),
        ("train.threads", 10**10, "train.threads = 10000000000: must be an integer from 1 to 1024"),
        ("train.learning_rate", float("nan"), "train.learning_rate = nan: must be a number above"),
        ("train.learning_rat", 1.0, "train.learning_rat = 1.0: no such key; allowed: task, learn"),
        ("fetch.dataset", "ml-2m", "fetch.dataset = 'ml-2m': must be one of ml-100k, ml-1m, ml-l"),
        (
            "features.sparse",
            ["userid", "colour"],
            "features: sparse: no such feature 'colour'; ",
        ),
        (
            "features.sparse",
            ["gender"],
            "features: sparse: no such feature 'gender'; allow",
        ),
        ("features.dense", ["gender", "gender"], "features: dense: gender is listed twice; name i"),
        ("features.dense", [], "features.dense = []: must be a list of at least one name"),
        ("gaussian_process.moods", [[0.1]], "gaussian_process.moods.0.1 missing: must be a list"),
        ("evaluate.user_steps", [20, 20], "evaluate: user_steps = [20, 20]: the second must be"),
        ("model.dropout", 1, "model.dropout = 1: must be a number from 0 to below 1"),
        ("model.top_layers", [], "model.top_layers = []: must be a list of at least one integer"),
        ("model.top_layers", [8, 0], "model.top_layers.1 = 0: must be a list of at least one"),
    ],
)
def test_a_bad_value_is_reported_in_one_line(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    path = tmp_path / "params.yaml"
    section, name = key.split(".")
    content = YAML(typ="safe").load(PARAMS)
    content[section][name] = value
    YAML(typ="safe").dump(content, path)
    with pytest.raises(InputError) as error:
        load_params(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fetch: {dataset: ml-1m}\n", "fetch.synthetic_users missing: must be an integer from 1"),
        ("fetch: 3\n", "fetch = 3: must be a section with the keys dataset, synthetic_users"),
        ("splits: {}\n", "splits: no such section; allowed: fetch, encode, split, features, stat"),
        ("- 1\n", r"expected sections, found \[1\]"),
        ("split: [\n", "is not valid YAML"),
    ],
)
def test_a_bad_file_is_reported_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_params(path)
    assert "\n" not in str(error.value)


def test_a_misspelt_key_comes_before_the_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text().replace("  batch_size: 4096", "  batchsize: 4096"))
    with pytest.raises(InputError, match=r"train\.batchsize = 4096: no such key; .* missing"):
        load_params(path)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; run from the project's"):
        load_params(tmp_path / "params.yaml")


def test_a_mistake_in_any_section_is_found(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    for section in SECTIONS:
        content = YAML(typ="safe").load(PARAMS)
        del content[section.name]
        YAML(typ="safe").dump(content, path)
        with pytest.raises(InputError, match=f"{section.name} = None: must be a section with"):
            load_params(path)
