"""What all stages share: errors of one line, and libraries that keep quiet."""

import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from recsys.common.errors import InputError

PATH = click.Path(path_type=Path)
Command = Callable[..., None]


def folder_option(name: str, default: str, text: str) -> Callable[[Command], Command]:
    """`--NAME FOLDER`, by default where the pipeline has it."""
    return click.option(f"--{name}", type=PATH, default=default, show_default=True, help=text)


# Where those who use a model find it.
ENCODED = folder_option("encoded", "data/encoded", "Users, movies and vocabulary.")
SPLIT = folder_option("split", "data/split", "Holds train.parquet: whom the model knows.")
CHECKPOINT = folder_option("checkpoint", "models/dlrm", "The model.")


def stage(function: Command) -> click.Command:
    """A command of the pipeline: with `--params FILE`."""
    params = click.option(
        "--params", type=PATH, required=True, help="The params file, params.yaml."
    )
    return command(params(function))


def command(function: Command) -> click.Command:
    """A click command of a function; its docstring is the help."""

    @click.command(help=function.__doc__)
    @functools.wraps(function)
    def run(*args: object, **options: object) -> None:
        with quiet():
            try:
                function(*args, **options)
            # OSError: no permission, no such file, ...
            except (InputError, OSError) as error:
                raise click.ClickException(str(error)) from error

    return run


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and only our messages."""
    with warnings.catch_warnings(), only_our_messages():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def only_our_messages() -> Iterator[None]:
    """Messages of `recsys` go to stderr; those of other packages only from errors up."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("recsys")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    # Libraries give the root logger a handler of theirs, which would say it again.
    ours.propagate = False
    logging.getLogger().setLevel(logging.ERROR)
    # torch has a handler of its own, to which TorchRec's modules send a warning in every run.
    logging.getLogger("torch.fx").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = True
