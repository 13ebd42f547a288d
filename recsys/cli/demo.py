"""`recsys demo`."""

import subprocess

import click

from recsys.cli.project import child_environment, dvc, working_in_root
from recsys.common.command import command

NAME = "demo"
# The batches are smaller, as the data set is.
PARAMS = ("fetch.dataset=ml-100k", "train.batch_size=1024")
# The metrics that the last message names.
FIRST = ("auc", "log_loss", "rmse", "ndcg")
END = """
MovieLens 100K, test part: {reached}. Experiment "demo"; the checkout is as it was.
Next: source .venv/bin/activate; dvc exp run --temp -n fm -S model.kind=fm; make experiments
Or use it: git stash (apply discards your edits); dvc exp apply demo; recsys recommend --user 42"""


@command
def main() -> None:
    """Train on MovieLens 100K as the experiment "demo".

    Runs the whole pipeline in a folder of its own, so the checkout stays as it is, and says what
    the model reached on the test part.

    \b
    Example:
      recsys demo
    """
    from recsys.reporting.runs.git import git
    from recsys.reporting.runs.metrics import RANKING, committed_metrics

    with working_in_root():
        head = git("rev-parse", "HEAD").strip()
        # DVC keeps the experiments of a commit under its hash.
        experiment = f"refs/exps/{head[:2]}/{head[2:]}/{NAME}"
        if git("for-each-ref", experiment):
            # An earlier run made it.
            subprocess.run(dvc("exp", "remove", "--quiet", NAME), check=True)
        changes = [f"--set-param={param}" for param in PARAMS]
        # --force runs every stage. In a new clone, DVC 3.67 fails to restore a stage that reads a
        # file in an output folder: it looks for the folder in dvc.lock, which was never here.
        run = dvc("exp", "run", "--temp", "--force", "--name", NAME, *changes)
        subprocess.run(run, env=child_environment(), check=True)
        metrics = committed_metrics(experiment) | committed_metrics(experiment, RANKING)
    reached = ", ".join(f"{name} {metrics[name]}" for name in FIRST if name in metrics)
    click.echo(END.format(reached=reached))
