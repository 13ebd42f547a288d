"""The base of all click commands: an error is one line, and libraries print nothing."""

import functools
import logging
import re
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from recsys.common.atomic import is_full_disk
from recsys.common.errors import InputError

PATH = click.Path(path_type=Path)
# In the messages of torch's RuntimeErrors, and of the ImportError of a library that is too large.
NO_MEMORY = "allocate memory|out of memory|start new thread|failed to map segment"


def command(function: Callable[..., None]) -> click.Command:
    """Make a click command of a function; its docstring is the help.

    An error that the user can correct is printed as one line, and the exit code is 1: an
    `InputError`, an `OSError`, too little memory, a full disk. For Ctrl-C, click prints "Aborted!".
    """

    @click.command(help=function.__doc__)
    @functools.wraps(function)
    def run(*args: object, **options: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            # Set by guard_stage. From here on, Ctrl-C raises KeyboardInterrupt, so that the
            # function can remove its temporary files.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with quiet():
            try:
                function(*args, **options)
            except Exception as error:
                if (message := explain(error)) is None:
                    raise
                raise click.ClickException(message) from error

    return run


def explain(error: Exception) -> str | None:
    """An error that the user can correct, as one line; None for any other error."""
    # atomic_write names the output. This one is of another file, which may be temporary.
    if is_full_disk(error) and not isinstance(error, InputError):
        place = f"{Path.cwd()}, or of the folder for temporary files (TMPDIR),"
        return f"the disk of {place} is full; free some space and run again"
    # OSError: no permission, no such file, ...
    if isinstance(error, (InputError, OSError)):
        return str(error)
    if isinstance(error, MemoryError) or re.search(NO_MEMORY, str(error)):
        return (
            "not enough memory: a smaller release (fetch.dataset), train.batch_size or "
            "model.embedding_dimension needs less"
        )
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings, and log messages but those of `recsys` and errors, which go to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("recsys")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    # Libraries give the root logger a handler too, which would print the message again.
    ours.propagate = False
    logging.getLogger().setLevel(logging.ERROR)
    # torch.fx has its own handler, and TorchRec's modules would print a warning in every run.
    logging.getLogger("torch.fx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ours.removeHandler(handler)
        ours.propagate = True
