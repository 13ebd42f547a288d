"""The entry point: help, completion, the project's folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from recsys.cli.main import main
from tests.errors import error_of
from tests.imports import ROOT
from tests.small import SmallProject

COMMANDS = sorted(main.commands)


def test_help_lists_each_command_in_a_whole_line() -> None:
    lines = CliRunner().invoke(main, ["--help"]).output.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_examples_and_names_its_parameters(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"], prog_name="recsys")
    usage, text = result.output.split("\n\n", 1)
    assert usage.startswith(f"Usage: recsys {name} ")
    assert f"    recsys {name}" in text
    for parameter in main.commands[name].params:
        option = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.name
        assert str(option).upper() in text.upper()


def complete(words: str, folder: Path) -> set[str]:
    """What the shell gets to complete the last word with."""
    environment = os.environ | {
        "_RECSYS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "recsys"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.split(",")[1] for line in done.stdout.splitlines() if line}


def test_the_shell_completes_commands_options_and_recipes(tmp_path: Path) -> None:
    assert complete("recsys rec", tmp_path) == {"recipe", "recommend"}
    assert complete("recsys predict a.csv b.csv --ch", tmp_path) == {"--checkpoint"}
    recipes = {"random_all", "random_without_threes"}
    assert complete("recsys recipe random_", ROOT / "docs") == recipes
    assert complete("recsys recipe random_", tmp_path) == set()


def test_a_recipe_is_options_of_dvc_exp_run(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small.folder / "recipes").mkdir()
    shutil.copy(ROOT / "params.yaml", small.folder)
    small.write("recipes/wide.yaml", "model: {cross_rank: 90, bottom_layers: [1, 2]}\n")
    monkeypatch.chdir("recipes")
    result = CliRunner().invoke(main, ["recipe", "wide"])
    assert result.output == "-S model.cross_rank=90 -S model.bottom_layers=[1,2]\n"
    error = error_of("recipe", "narrow")
    assert error.startswith("recipe 'narrow': no such file in ")
    assert error.endswith("; there are wide")


def test_a_lock_is_checked_from_any_folder(
    small: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("metrics")
    same = CliRunner().invoke(main, ["check-lock"])
    assert (same.exit_code, same.output) == (0, "prepare  same\njudge    same\n")
    small.set_width(81)
    other = CliRunner().invoke(main, ["check-lock"])
    assert other.exit_code == 1
    difference = "judge    param model.width: 80 in dvc.lock, 81 in params.yaml"
    assert other.stdout.splitlines()[1] == difference


@pytest.mark.parametrize(
    "arguments",
    [
        "card",
        "check-lock",
        "comment HEAD",
        "demo",
        "predict pairs.csv scores.csv",
        "recipe random",
        "recommend --user 1",
        "report",
        "resolve",
        "search",
        "serve",
        "verify",
    ],
)
def test_outside_of_a_project_the_error_is_one_line(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert error_of(*arguments.split()) == (
        f"{tmp_path} lies in no project: no folder upwards has a dvc.yaml; cd to the project"
    )
