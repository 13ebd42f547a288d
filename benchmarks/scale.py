"""Time and peak memory of each stage, on synthetic ratings of several sizes.

Training takes one epoch with the values of params.yaml and with row-wise Adagrad; at 1M and 32M
ratings also with Adam. The data of 32M ratings has as many users and movies as ml-32m. The training
rate excludes the time that train takes with almost no ratings.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from benchmarks.machine import describe_machine

ROOT = Path(__file__).parents[1]
# For each number of ratings in millions, the number of users and movies.
SIZES = {
    0.01: (100, 500),
    1: (6_040, 3_883),
    4: (24_000, 10_000),
    16: (100_000, 40_000),
    32: (200_948, 87_585),
    100: (600_000, 100_000),
}
STAGES = {
    "source": "source.json",
    "fetch": "source.json raw",
    "encode": "raw encoded",
    "split": "encoded split",
    "features": "encoded split features",
    "train": "encoded split features dlrm history.csv --state state --live live.json",
    "evaluate": "split/test.parquet features dlrm predictions.parquet test.json plots",
    "retrieve": "encoded split/train split/validation.parquet retrieval --state retrieval.state",
}


# A small program that runs a command and prints its seconds and its peak memory in kilobytes. Linux
# counts the memory of a forked process before it becomes the command, and that equals its parent's.
# With this program as the parent, it is small.
MEASURE = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run_measured(command: list[str], folder: Path, what: str) -> dict[str, Any]:
    """Run a Python program, and return its wall time in seconds and its peak resident memory in MB.

    Args:
        command: the arguments of Python.
        folder: where it runs.
        what: its name in the message if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise click.ClickException(f"{what} ended with {done.returncode}")
    seconds, kilobytes = done.stdout.split()
    return {"seconds": round(float(seconds), 2), "peak_mb": round(int(kilobytes) / 1024)}


def run_stage(stage: str, folder: Path) -> dict[str, Any]:
    """Run a stage, and return its name, its seconds and its peak memory in MB."""
    command = ["-m", f"stages.{stage}", "--params", "params.yaml", *STAGES[stage].split()]
    return {"stage": stage} | run_measured(command, folder, f"stage {stage}")


def write_params(millions: float, folder: Path, optimizer: str = "rowwise_adagrad") -> None:
    """Write a params.yaml for synthetic ratings and one epoch."""
    users, movies = SIZES[millions]
    yaml = YAML(typ="safe")
    params = yaml.load(ROOT / "params.yaml")
    params["fetch"] |= {
        "dataset": "synthetic",
        "synthetic_users": users,
        "synthetic_movies": movies,
        "synthetic_ratings": int(millions * 10**6),
    }
    params["train"] |= {"epochs": 1, "embedding_optimizer": optimizer}
    # Each resample takes as long as a metric of all rows. 200 of them would dominate the time.
    params["evaluate"]["bootstrap"] = 0
    if optimizer == "rowwise_adagrad":
        params["model"]["embedding_std"] = 0.1
    yaml.dump(params, folder / "params.yaml")


def measure_startup() -> float:
    """The seconds that train takes with almost no ratings."""
    with tempfile.TemporaryDirectory() as name:
        write_params(0.01, Path(name))
        for stage in list(STAGES)[:5]:
            run_stage(stage, Path(name))
        return statistics.median(run_stage("train", Path(name))["seconds"] for _ in range(3))


def measure(millions: float) -> list[dict[str, Any]]:
    """Run all stages on a number of ratings, and return a row for each."""
    rows = []
    # Measured for each size, because the load of the machine changes.
    startup = measure_startup()
    ratings = int(millions * 10**6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for optimizer in ("rowwise_adagrad", "adam")[: 1 + (millions in (1, 32))]:
            write_params(millions, folder, optimizer)
            for stage in STAGES if not rows else ("train", "evaluate"):
                row = {"ratings": ratings} | run_stage(stage, folder)
                if stage in ("train", "evaluate"):
                    row["embedding_optimizer"] = optimizer
                if stage == "train":
                    row["samples_per_second"] = round(0.8 * ratings / (row["seconds"] - startup))
                if stage == "evaluate":
                    metrics = json.loads((folder / "test.json").read_text())
                    row |= {name: metrics[name] for name in ("auc", "best_possible_auc")}
                rows.append(row)
    return rows


@click.command(help=__doc__)
@click.option(
    "--millions",
    multiple=True,
    type=int,
    default=tuple(SIZES)[1:],
    help="Millions of ratings; may be repeated.",
)
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/scale.json")
def main(millions: tuple[int, ...], output: Path) -> None:
    rows: list[dict[str, Any]] = []
    for size in millions:
        rows += measure(size)
        for row in rows:
            if row["ratings"] == size * 10**6:
                click.echo(json.dumps(row))
        # Large sizes take long, so each one is saved at once.
        content = {"machine": describe_machine(), "rows": rows}
        output.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
