"""The pages agree with the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_reference_is_up_to_date() -> None:
    code = "from docs.reference import write; print(write(), end='')"
    written = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    message = "run `python docs/reference.py`"
    assert written == (ROOT / "docs/reference.md").read_text(), message


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_files_that_exist_and_is_complete(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    for target in [*links, *re.findall(r'<img src="([^"]+)"', text)]:
        assert (page.parent / target).exists(), target
    for module in re.findall(r"python -m ((?:stages|benchmarks)\.\w+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
    assert "@@" not in text
    # `dvc exp apply` would take a branch of an experiment's name, and silently change nothing.
    branches = re.findall(r"git switch -c (\S+)|dvc exp branch \S+ (\S+)", text)
    experiments = re.findall(r"dvc exp (?:run.* -n|apply) (\S+)", text)
    assert not {name for pair in branches for name in pair if name} & set(experiments)


def test_there_is_one_version() -> None:
    version = re.findall(r'(?m)^version = "(.+)"', (ROOT / "pyproject.toml").read_text())
    assert re.findall(r"(?m)^version: (.+)", (ROOT / "CITATION.cff").read_text()) == version
    assert re.findall(r"(?m)^## (\d.+)", (ROOT / "CHANGELOG.md").read_text())[0] == version[0]
