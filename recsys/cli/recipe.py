"""`recsys recipe`."""

import click
from click.shell_completion import CompletionItem

from recsys.cli.project import find_root
from recsys.common.command import command


def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The recipes whose names begin like this, for the shell."""
    from recsys.pipeline.recipes import list_recipes

    try:
        names = list_recipes(find_root() / "recipes")
    except click.ClickException:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@command
@click.argument("name", shell_complete=complete)
def main(name: str) -> None:
    """Print a recipe as options of `dvc exp run`.

    NAME is a file in recipes/, without .yaml. It holds what differs from params.yaml to get the
    best model of a protocol.

    \b
    Examples:
      recsys recipe chronological
      dvc exp run --temp -n best $(recsys recipe random_all)
    """
    from recsys.pipeline.recipes import as_options, load_recipe

    click.echo(as_options(load_recipe(name, find_root() / "recipes")))
