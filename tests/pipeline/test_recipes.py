"""Recipes that are damaged, or name what params.yaml does not have, are refused in one line."""

import shutil
from pathlib import Path

import pytest

from recsys.common.errors import InputError
from recsys.pipeline.recipes import as_options, load_recipe
from tests.conftest import PARAMS
from tests.errors import refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PARAMS, tmp_path)
    (tmp_path / "recipes").mkdir()
    return tmp_path / "recipes"


# tests/pipeline/test_params.py has what is wrong in any YAML and in any section.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", ": expected sections, found 0"),
        ("[]", ": expected sections, found []"),
        ("{", " is not valid YAML: line 1: "),
        ("modle: {kind: fm}", ": modle: no such section; allowed: fetch, own,"),
        ("model:", ": model = None: must be a section with the keys kind,"),
        ("model: fm", ": model = 'fm': must be a section"),
        ("model: {knid: fm}", ": model.knid = 'fm': no such key; allowed: kind,"),
        ("split: {train: 0.7}", ": split: train + validation + test is 0.9; it must be 1"),
    ],
)
def test_a_recipe_that_makes_no_params_is_one_line(folder: Path, text: str, message: str) -> None:
    (folder / "odd.yaml").write_text(text)
    with refused(f"odd.yaml{message}"):
        load_recipe("odd", folder)


def test_other_files_are_one_line(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'odd': no such file in .*; there are none$"):
        load_recipe("odd", folder)
    (folder / "empty.yaml").touch()
    assert load_recipe("empty", folder) == {}
    (folder.parent / "params.yaml").write_text("- 1")
    (folder / "one.yaml").write_text("train: {epochs: 1}")
    with refused("params.yaml: expected sections"):
        load_recipe("one", folder)


@pytest.mark.parametrize("value", ["my file.csv", ["a,b"], "$(ls)", "Größe ", 'a"b', "*.csv"])
def test_a_text_that_needs_quotes_is_no_option(value: object) -> None:
    with refused(": no option can hold this; write it into params.yaml"):
        as_options({"own": {"x": value}})
