"""The command line of a stage."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from recsys.common.command import PATH, command
from recsys.pipeline.params import load_params


def stage(function: Callable[..., None]) -> click.Command:
    """Make a click command of a stage, with an option `--params FILE`.

    The command checks all sections of the file and passes them to the function as `params`. So the
    first stage refuses a bad value of a later stage. No output depends on this check, because it
    can only refuse.
    """

    @functools.wraps(function)
    def run(params: Path, **arguments: object) -> None:
        function(load_params(params), **arguments)

    option = click.option(
        "--params", type=PATH, required=True, help="The file with the params: params.yaml."
    )
    return command(option(run))


def resuming(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a stage whose unfinished run is resumed: `state` and `save_every`."""
    state = click.option(
        "--state", type=PATH, required=True, help="File to resume an unfinished run from."
    )
    save_every = click.option(
        "--save-every",
        type=click.IntRange(min=0),
        envvar="RECSYS_SAVE_EVERY",
        default=500,
        show_default=True,
        show_envvar=True,
        help="Steps between two saves of the state; 0 for none. Has no effect on the result.",
    )
    return state(save_every(function))
