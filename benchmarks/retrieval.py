"""Time and memory of the stage retrieve in a large catalogue, and of recommendations from it.

The data are synthetic ratings of the shape of MovieLens 25M, as for `benchmarks.features`. Each
list is the top 10 of all movies for one user, first by the retrieval model alone, then with P(like)
of the candidates. The DLRM has the default features and one epoch of training.
"""

import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from ruamel.yaml import YAML

from benchmarks.features import DATA, LARGEST_USER, enlarge_user
from benchmarks.machine import describe_machine
from benchmarks.scale import ROOT, run_stage
from recsys.retrieval.histories import UserHistories
from recsys.serving.recommend.recommender import Recommender

SHAPE = "ml-25m's shape"
TOP = 10
Row = dict[str, Any]
# Lists movies for a user, given by row, with a history.
Recommend = Callable[[int, UserHistories], object]


def write_params(folder: Path) -> None:
    """Write a params.yaml for the synthetic ratings and one epoch."""
    yaml = YAML(typ="safe")
    params = yaml.load(ROOT / "params.yaml")
    params["fetch"] |= DATA[SHAPE]
    params["train"] |= {"epochs": 1, "embedding_optimizer": "rowwise_adagrad"}
    params["model"]["embedding_std"] = 0.1
    yaml.dump(params, folder / "params.yaml")


def prepare(folder: Path) -> None:
    """Run the stages that come before retrieve, and train."""
    write_params(folder)
    for stage in ("source", "fetch", "encode"):
        run_stage(stage, folder)
    enlarge_user(folder / "encoded/ratings/00000.parquet", LARGEST_USER)
    for stage in ("split", "features", "train"):
        run_stage(stage, folder)


def measure_stage(folder: Path) -> Row:
    before = cpu_seconds()
    cost = run_stage("retrieve", folder)
    size = (folder / "retrieval/retrieval.safetensors").stat().st_size
    # On a busy machine, the wall time says little.
    return cost | {
        "cpu_seconds": round(cpu_seconds() - before, 2),
        "model_mb": round(size / 1e6, 1),
    }


def cpu_seconds() -> float:
    """The time that the ended child processes had on a core."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_lists(folder: Path, users: int) -> list[Row]:
    """The time of one user's list, in milliseconds, by retrieval alone and by both factors."""
    recommender = Recommender.load(folder / "dlrm", folder / "features", folder / "retrieval")
    retrieval, part = recommender.retrieval, folder / "split/train"
    everybody = np.ones(len(recommender.scorer.dimensions.ids["users"]), bool)
    histories = UserHistories.read([part], everybody, len(retrieval.ratings), implicit=False)
    number = np.diff(histories.starts)
    drawn = np.random.default_rng(1).choice(np.flatnonzero(number), users, replace=False)

    def by_retrieval(_: int, history: UserHistories) -> object:
        return retrieval.find_candidates(history, allowed, TOP)

    def by_both(user: int, history: UserHistories) -> object:
        return recommender.rank(np.array([user]), history, TOP)

    allowed, rows = retrieval.ratings > 0, []
    ways: dict[str, Recommend] = {"retrieval": by_retrieval, "retrieval and P(like)": by_both}
    for name, recommend in ways.items():
        # The first one is a warm-up.
        times = [time_one(recommend, user, histories) for user in drawn][1:]
        largest = [time_one(recommend, int(number.argmax()), histories) for _ in range(11)]
        p50, p99 = np.percentile(times, [50, 99])
        rows.append(
            {
                "top_10_by": name,
                "users": len(times),
                "p50_ms": round(p50, 2),
                "p99_ms": round(p99, 2),
                "largest_user": int(number.max()),
                "largest_user_p50_ms": round(float(np.median(largest)), 2),
            }
        )
    return rows


def time_one(recommend: Recommend, user: int, histories: UserHistories) -> float:
    """The milliseconds that one list takes."""
    history = histories[user : user + 1]
    start = time.perf_counter()
    recommend(user, history)
    return (time.perf_counter() - start) * 1000


@click.command(help=__doc__)
@click.option("--users", default=1000, show_default=True, help="Users who get a list.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/retrieval.json"
)
def main(users: int, output: Path) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        content = {
            "machine": describe_machine(),
            "data": SHAPE,
            "stage": measure_stage(folder),
            "lists": measure_lists(folder, users),
        }
    output.write_text(json.dumps(content, indent=2) + "\n")
    click.echo(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
