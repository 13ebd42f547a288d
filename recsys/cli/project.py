"""The project that the commands work on, and the programs that they start in it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


CHECKPOINT = click.option(
    "--checkpoint",
    type=PATH,
    default="models/dlrm",
    show_default=True,
    callback=in_project,
    help="The model's folder.",
)
RETRIEVAL = click.option(
    "--retrieval",
    type=PATH,
    default="models/retrieval",
    show_default=True,
    callback=in_project,
    help="The folder of the retrieval model.",
)
FEATURES = click.option(
    "--features",
    type=PATH,
    default="data/features",
    show_default=True,
    callback=in_project,
    help="The folder of the computed features, for a model that has some.",
)
LOG = click.option(
    "--log",
    type=PATH,
    default="data/encoded/ratings.parquet",
    show_default=True,
    callback=in_project,
    help="The file that says what a user has rated already.",
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
