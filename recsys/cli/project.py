"""The project that the commands work on, and the programs that they start in it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from recsys.common.command import PATH


def find_root() -> Path:
    """The nearest folder upwards with a dvc.yaml, relative to the current folder.

    Raises:
        click.ClickException: no folder has one.
    """
    here = Path.cwd()
    for steps, folder in enumerate((here, *here.parents)):
        if (folder / "dvc.yaml").is_file():
            return Path(*[".."] * steps)
    raise click.ClickException(
        f"{here} lies in no project: no folder upwards has a dvc.yaml; cd to the project"
    )


def in_project(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """The callback of a path: the default lies in the project, a typed path where the user is."""
    source = context.get_parameter_source(str(parameter.name))
    return find_root() / path if source is ParameterSource.DEFAULT else path


def path_option(name: str, default: str, text: str) -> Callable[..., Any]:
    """An option for a path of the project."""
    return click.option(
        name, type=PATH, default=default, show_default=True, callback=in_project, help=text
    )


CHECKPOINT = path_option("--checkpoint", "models/dlrm", "The model's folder.")
RETRIEVAL = path_option("--retrieval", "models/retrieval", "The folder of the retrieval model.")
FEATURES = path_option(
    "--features",
    "data/features",
    "The folder of the computed features, for a model that has some.",
)
LOG = path_option(
    "--log",
    "data/encoded/ratings",
    "The folder that says what a user has rated already.",
)


@contextmanager
def working_in_root() -> Iterator[None]:
    """Make the project's root the current folder for a while.

    Raises:
        click.ClickException: there is no project, or a program that was started there failed.
    """
    here = Path.cwd()
    os.chdir(find_root())
    try:
        yield
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"`{shlex.join(error.cmd)}` failed; see above") from error
    finally:
        os.chdir(here)


def dvc(*arguments: str) -> list[str]:
    """The command line of DVC in this Python environment."""
    return [sys.executable, str(Path(__file__).with_name("dvc_in_utf8.py")), *arguments]


def child_environment() -> dict[str, str]:
    """The environment for DVC in another folder than the project's root."""
    # The stages start `python`: it has to be this one.
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    environment = os.environ | {"PATH": path}
    mirror = os.environ.get("MOVIELENS_MIRROR")
    if mirror and Path(mirror).is_dir():
        # A relative path leads nowhere in another folder.
        environment["MOVIELENS_MIRROR"] = str(Path(mirror).resolve())
    return environment
