"""The command `recsys`.

A command imports what is slow to import (torch, pandas, DVC, Optuna, FastAPI) only when it runs, so
that `--help`, shell completion and an error about an option take no time.
"""

import click

from recsys.cli import (
    card,
    check_lock,
    comment,
    demo,
    export,
    predict,
    recipe,
    recommend,
    report,
    resolve,
    search,
    serve,
    verify,
)

COMMANDS = (
    card,
    check_lock,
    comment,
    demo,
    export,
    predict,
    recipe,
    recommend,
    report,
    resolve,
    search,
    serve,
    verify,
)


@click.group()
def main() -> None:
    """Use and check the pipeline and the model that it trains.

    The commands work from every folder of the project. Paths that you type are relative to the
    folder where you are; default paths lie in the project.

    \b
    Examples:
      recsys recommend --user 42
      recsys recommend --help
    """


for module in COMMANDS:
    main.add_command(module.main, module.__name__.rpartition(".")[2].replace("_", "-"))
