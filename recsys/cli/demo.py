"""`recsys demo`."""

import subprocess

import click

from recsys.cli.project import child_environment, dvc, working_in_root
from recsys.common.command import command

NAME = "demo"
# The batches are smaller, as the data set is.
PARAMS = ("fetch.dataset=ml-100k", "train.batch_size=1024")
METRICS = "metrics/test.json"
END = """
MovieLens 100K, test part (experiment "demo"):
{metrics}

The model, its predictions and its plots are in DVC's cache. After `source .venv/bin/activate`:
  dvc exp show --drop '(data|models)/.*'  list the experiments
  dvc exp apply demo                      put its files into data/, models/ and metrics/;
                                          commit or stash your own edits first: it discards them
  dvc plots diff HEAD demo                compare its curves with those of the checkout"""


@command
def main() -> None:
    """Train on MovieLens 100K as the experiment "demo".

    Runs the whole pipeline in a folder of its own, so the checkout stays as it is, and prints the
    metrics of the test part.

    \b
    Example:
      recsys demo
    """
    from recsys.reporting.revisions import committed, git

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
        metrics = committed(METRICS, experiment) or "none"
    click.echo(END.format(metrics=metrics.strip()))
