"""What the pipeline's stages share on the command line."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from recsys.common.command import PATH, command
from recsys.pipeline.params import load_params


def stage(function: Callable[..., None]) -> click.Command:
    """A stage as a click command: `--params FILE` becomes its argument `params`, checked.

    Every section is checked before the stage does any work, so the first stage that runs refuses
    a bad value of the last one. The check can only refuse, so no output depends on it.
    """

    @functools.wraps(function)
    def checked(params: Path, **arguments: object) -> None:
        function(load_params(params), **arguments)

    option = click.option("--params", type=PATH, required=True, help="The params.yaml.")
    return command(option(checked))
