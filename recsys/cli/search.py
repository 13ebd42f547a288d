"""`recsys search`."""

import math
import subprocess
from pathlib import Path

import click

from recsys.cli.extras import require_extra
from recsys.cli.project import dvc, find_root, in_project, working_in_root
from recsys.common.command import PATH, command
from recsys.common.errors import InputError


@command
@click.option(
    "--space",
    "path",
    type=PATH,
    default="search.yaml",
    callback=in_project,
    show_default=True,
    help="The file with the values to try.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=0),
    help="Start at most this many trials. Without --minutes, 20 is the default.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0), help="Start no trial after this many minutes."
)
@click.option("--apply", is_flag=True, help="Put the best trial into the workspace at the end.")
def main(path: Path, trials: int | None, minutes: float | None, apply: bool) -> None:
    """Search the params with the best validation metric.

    Each trial is a DVC experiment of this commit, with values that Optuna picks from search.yaml. A
    trial that is worse than the median of the others at the same epoch is stopped. The same command
    continues a search that was interrupted. A second search beside a running one is refused.

    \b
    Examples:
      recsys search --trials 20
      recsys search --minutes 60 --apply
      recsys search --trials 0 --apply
    """
    require_extra("optuna", "search")
    from recsys.cli.trials.space import read_space
    from recsys.cli.trials.study import finished_trials, open_study, run_trials, single_search
    from recsys.reporting.runs.git import git

    if minutes is not None and not math.isfinite(minutes):
        raise InputError(f"--minutes {minutes}: give a finite number")
    space = read_space(path, find_root() / "params.yaml")
    if trials is None and minutes is None:
        trials = 20
    with working_in_root():
        if git("status", "--porcelain", "--untracked-files=no"):
            raise InputError(
                "a trial is an experiment of HEAD: commit your changes, or `git restore .`, first"
            )
        with single_search():
            study = open_study(space)
            run_trials(study, space, trials, minutes)
        if not finished_trials(study):
            raise InputError("no trial has finished yet")
        best = f"{study.study_name}-{study.best_trial.number}"
        click.echo(f"best of {len(study.trials)}: {best}, {space.metric} {study.best_value:.5f}")
        for name, value in study.best_trial.user_attrs.items():
            click.echo(f"  {name} = {value}")
        if apply:
            subprocess.run(dvc("exp", "apply", best), check=True)
        else:
            click.echo(f"put it into the checkout: git stash, then dvc exp apply {best}")
            click.echo("(apply discards edits that are not committed; git stash saves them)")
