"""CPU seconds, peak memory and disk of each stage, on synthetic ratings of several sizes.

Each stage is one process on one core, and has a partition for each 8 million ratings. Training
takes one epoch with the values of params.yaml and with row-wise Adagrad; at 1M and 32M ratings also
with Adam. The data of 32M ratings has as many users and movies as ml-32m. The training rate
excludes the time that train takes with almost no ratings. A stage's disk is all that lies in the
folder when the stage ends; the raw files go when they are encoded.
"""

import json
import os
import shutil
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
    10: (62_500, 27_000),
    32: (200_948, 87_585),
    100: (600_000, 100_000),
    316: (1_900_000, 170_000),
    1000: (6_000_000, 300_000),
}
# The sizes that the benchmark takes by itself; the others take hours.
DEFAULT_SIZES = (1, 10, 32)
RATINGS_IN_PARTITION = 8 * 10**6
STAGES = {
    "source": "source.json",
    "fetch": "source.json raw",
    "encode": "raw encoded",
    "split": "encoded split",
    "features": "encoded split features",
    "train": "encoded split features dlrm history.csv --state state --live live.json",
    "evaluate": "split/test.parquet features dlrm predictions.parquet test.json plots",
    "retrieve": "encoded split/train split/validation.parquet retrieval --state retrieval.state",
    "rank": "encoded split/test.parquet features dlrm retrieval lists.parquet ranking.json",
}


# A small program that runs a command and prints its seconds and its peak memory in kilobytes. Linux
# counts the memory of a forked process before it becomes the command, and that equals its parent's.
# With this program as the parent, it is small.
MEASURE = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
cpu = usage.ru_utime + usage.ru_stime
print(time.perf_counter() - start, cpu, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run_measured(command: list[str], folder: Path, what: str) -> dict[str, Any]:
    """Run a Python program: its wall and CPU seconds, and its peak resident memory in MB.

    Args:
        command: the arguments of Python.
        folder: where it runs.
        what: its name in the message if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RECSYS_WORKERS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise click.ClickException(f"{what} ended with {done.returncode}")
    seconds, cpu, kilobytes = done.stdout.split()
    return {
        "seconds": round(float(seconds), 2),
        "cpu_seconds": round(float(cpu), 2),
        "peak_mb": round(int(kilobytes) / 1024),
    }


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
    params["encode"]["partitions"] = -(-int(millions * 10**6) // RATINGS_IN_PARTITION)
    params["train"] |= {"epochs": 1, "embedding_optimizer": optimizer}
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
                row["disk_mb"] = measure_disk(folder)
                if stage == "encode":
                    shutil.rmtree(folder / "raw")
                if stage in ("train", "evaluate"):
                    row["embedding_optimizer"] = optimizer
                if stage == "train":
                    row["samples_per_second"] = round(0.8 * ratings / (row["seconds"] - startup))
                if stage == "evaluate":
                    metrics = json.loads((folder / "test.json").read_text())
                    row |= {name: metrics[name] for name in ("auc", "best_possible_auc")}
                rows.append(row)
    return rows


def measure_disk(folder: Path) -> int:
    """The size of all files in a folder, in MB."""
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6)


@click.command(help=__doc__)
@click.option(
    "--millions",
    multiple=True,
    type=int,
    default=DEFAULT_SIZES,
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
