"""The pages say what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_reference_is_that_of_the_code() -> None:
    code = "from docs.reference import write; print(write(), end='')"
    written = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    message = "run `python docs/reference.py`"
    assert written == (ROOT / "docs/reference.md").read_text(), message


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    for target in [*links, *re.findall(r'<img src="([^"]+)"', text)]:
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_a_command_exists(page: Path) -> None:
    for module in re.findall(r"python -m ((?:stages|benchmarks)\.\w+)", page.read_text()):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_left_to_fill_in(page: Path) -> None:
    assert "@@" not in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_branch_has_the_name_of_an_experiment(page: Path) -> None:
    """`dvc exp apply` would take the branch, and change nothing without a word."""
    text = page.read_text()
    branches = re.findall(r"git switch -c (\S+)|dvc exp branch \S+ (\S+)", text)
    experiments = re.findall(r"dvc exp (?:run.* -n|apply) (\S+)", text)
    assert not {name for pair in branches for name in pair if name} & set(experiments)


def test_there_is_one_version() -> None:
    version = re.findall(r'(?m)^version = "(.+)"', (ROOT / "pyproject.toml").read_text())
    assert re.findall(r"(?m)^version: (.+)", (ROOT / "CITATION.cff").read_text()) == version
    assert re.findall(r"(?m)^## (.+)", (ROOT / "CHANGELOG.md").read_text())[0] == version[0]
