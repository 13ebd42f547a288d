"""What every click command shares: an error is one line, and libraries keep quiet."""

import functools
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from recsys.common.atomic import describe_full_disk, find_full_disk, is_full_disk
from recsys.common.errors import InputError
from recsys.common.guard import REMEDY
from recsys.common.interrupt import INTERRUPTED, begin_command, say, was_interrupted

PATH = click.Path(path_type=Path)
# In the messages of torch's RuntimeErrors, and of the ImportError of a library that is too large.
NO_MEMORY = "allocate memory|out of memory|start new thread|failed to map segment"


def command(function: Callable[..., None]) -> click.Command:
    """Make a click command of a function; its docstring is the help.

    It prints an `InputError` or `OSError` as one line, and exits with 1. So it does when memory is
    lacking. Ctrl-C is one line too.
    """

    @click.command(help=function.__doc__)
    @functools.wraps(function)
    def run(*args: object, **options: object) -> None:
        begin_command()
        with quiet():
            try:
                function(*args, **options)
            except (Exception, KeyboardInterrupt) as error:
                if was_interrupted(error):
                    say("interrupted")
                    sys.exit(INTERRUPTED)
                if (message := describe(error)) is None:
                    raise
                raise click.ClickException(message) from error

    return run


def describe(error: BaseException) -> str | None:
    """One line about an error that a user can do something about; None for any other error."""
    if isinstance(error, Exception) and is_full_disk(error) and (folder := find_full_disk()):
        return describe_full_disk(folder)
    # OSError: no permission, no such file, ...
    if isinstance(error, (InputError, OSError)):
        return str(error)
    if isinstance(error, MemoryError) or re.search(NO_MEMORY, str(error)):
        return f"not enough memory: {REMEDY}"
    return None


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
