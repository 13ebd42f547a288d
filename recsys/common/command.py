"""What every click command shares: an error is one line, and libraries keep quiet."""

import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from recsys.common.errors import InputError

PATH = click.Path(path_type=Path)


def command(function: Callable[..., None]) -> click.Command:
    """Make a click command of a function; its docstring is the help.

    It prints an `InputError` or `OSError` as one line, and exits with 1.
    """

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
    """Hide warnings, and all messages but those of this project."""
    with warnings.catch_warnings(), only_our_messages():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def only_our_messages() -> Iterator[None]:
    """Print the messages of `recsys` on stderr; those of other packages only if they are errors."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("recsys")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    # Libraries give the root logger a handler too, which would print the message again.
    ours.propagate = False
    logging.getLogger().setLevel(logging.ERROR)
    # torch has a handler of its own, on which TorchRec's modules print a warning in every run.
    logging.getLogger("torch.fx").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = True
