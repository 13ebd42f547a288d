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


main.add_command(card.main, "card")
main.add_command(check_lock.main, "check-lock")
main.add_command(comment.main, "comment")
main.add_command(demo.main, "demo")
main.add_command(export.main, "export")
main.add_command(predict.main, "predict")
main.add_command(recipe.main, "recipe")
main.add_command(recommend.main, "recommend")
main.add_command(report.main, "report")
main.add_command(resolve.main, "resolve")
main.add_command(search.main, "search")
main.add_command(serve.main, "serve")
main.add_command(verify.main, "verify")
