"""Recipes that are damaged, or name what params.yaml does not have, are refused in one line."""

import shutil
from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.pipeline.recipes import as_options, load_recipe
from tests.conftest import PARAMS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PARAMS, tmp_path)
    (tmp_path / "recipes").mkdir()
    return tmp_path / "recipes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", r"expected sections, found \[1\]"),
        ("0", "expected sections, found 0"),
        ("[]", r"expected sections, found \[\]"),
        ("{", "is not valid YAML: line 1: "),
        ("<<<<<<< HEAD", r"has merge conflicts \(line 1\)"),
        ("\0", "is not valid YAML"),
        ("modle: {kind: fm}", "modle: no such section; allowed: fetch, own,"),
        ("1: 2", "1: no such section"),
        ("model:", "model = None: must be a section with the keys kind,"),
        ("model: fm", "model = 'fm': must be a section"),
        ("model: {knid: fm}", "model.knid = 'fm': no such key; allowed: kind,"),
        ("model: {1: 2}", "model.1.* no such key; allowed: kind,"),
        ("train: {epochs: 2026-11-25}", "train.epochs = datetime.date.*: must be an integer"),
        ("split: {train: 0.7}", r"split: train \+ validation \+ test is 0.9; it must be 1"),
    ],
)
def test_a_recipe_that_makes_no_params_is_one_line(folder: Path, text: str, message: str) -> None:
    (folder / "odd.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"odd\.yaml:? {message}") as error:
        load_recipe("odd", folder)
    assert "\n" not in str(error.value)


def test_other_files_are_one_line(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'odd': no such file in .*; there are none$"):
        load_recipe("odd", folder)
    (folder / "folder.yaml").mkdir()
    with pytest.raises(InputError, match=r"folder\.yaml: Is a directory; make it a file"):
        load_recipe("folder", folder)
    (folder / "empty.yaml").touch()
    assert load_recipe("empty", folder) == {}
    (folder.parent / "params.yaml").write_text("- 1")
    (folder / "one.yaml").write_text("train: {epochs: 1}")
    with pytest.raises(InputError, match=r"params\.yaml: expected sections"):
        load_recipe("one", folder)


@pytest.mark.parametrize("value", ["my file.csv", ["a,b"], "$(ls)", "Größe ", 'a"b', "*.csv"])
def test_a_text_that_needs_quotes_is_no_option(value: object) -> None:
    with pytest.raises(InputError, match=r"own.x = .*: no option can hold this; write it into par"):
        as_options({"own": {"x": value}})
