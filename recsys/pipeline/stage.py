"""What the command lines of all stages have in common."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from recsys.common.command import PATH, command
from recsys.pipeline.params import load_params


def stage(function: Callable[..., None]) -> click.Command:
    """Make a click command of a stage, with an option `--params FILE`.

    The command reads and checks the whole file and passes it to the function as `params`. So the
    first stage that runs also refuses a bad value of a later stage. No output depends on this
    check, because it can do nothing but refuse.
    """

    @functools.wraps(function)
    def run(params: Path, **arguments: object) -> None:
        function(load_params(params), **arguments)

    option = click.option(
        "--params", type=PATH, required=True, help="The file with the params: params.yaml."
    )
    return command(option(run))
