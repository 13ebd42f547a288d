"""Time to score a batch and pairs scored in a second, for models with own and with all features.

The model with the system's own features is the run in models/. This benchmark trains the model with
all features, with the recipe chronological. A batch is one user with 1 movie, 512 movies or all of
them. A model with all features computes the user's features from the user's ratings in each batch.
The models take turns on one core. Rates are of `recsys predict` on the pairs of the training part,
and of evaluation, which reads computed features. The benchmark needs the files that `dvc repro`
writes to data/ and models/.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pyarrow import csv
from ruamel.yaml import YAML

from benchmarks.machine import describe_machine
from benchmarks.scale import ROOT, run_stage
from recsys.dataloader.dataset import MovieLensDataset
from recsys.models.checkpoint import load_model, read_checkpoint
from recsys.models.plain_tables import PRECISIONS
from recsys.pipeline.recipes import apply_changes, load_recipe
from recsys.scoring.predict import predict
from recsys.serving.artifact.export import export
from recsys.serving.artifact.scorer import Rated, Scorer
from recsys.serving.checkpoint_model import CheckpointModel
from recsys.serving.predict.score_file import score_file
from recsys.storage import schemas
from recsys.storage.parquet import read_column

TURN = 20
Row = dict[str, Any]
# Scores a user, given by row, with movies, given by row.
Score = Callable[[int, np.ndarray], object]


class Run(NamedTuple):
    """A trained model.

    Attributes:
        features: own or all.
        data: the folder with encoded, split and features.
    """

    features: str
    data: Path
    checkpoint: Path

    def load(self, threads: int = 1) -> CheckpointModel:
        return CheckpointModel(self.checkpoint, self.data / "features", threads)


def train_all(folder: Path) -> Run:
    """Train the recipe chronological on MovieLens 1M."""
    yaml = YAML(typ="safe")
    params = apply_changes(yaml.load(ROOT / "params.yaml"), load_recipe("chronological"))
    yaml.dump(params, folder / "params.yaml")
    for stage in ("source", "fetch", "encode", "split", "features", "train"):
        run_stage(stage, folder)
    return Run("all", folder, folder / "dlrm")


def from_checkpoint(scorer: CheckpointModel) -> Score:
    def score(user: int, movies: np.ndarray) -> object:
        rows = torch.from_numpy(movies)
        return scorer.score(torch.full_like(rows, user), rows)

    return score


def from_artifact(scorer: CheckpointModel, artifact: Path) -> Score:
    served = Scorer(artifact)

    def score(user: int, movies: np.ndarray) -> object:
        ids = scorer.dimensions.ids["movies"].known[movies]
        users = np.full(len(ids), scorer.dimensions.ids["users"].known[user])
        if not scorer.online:
            return served.score(users, ids)
        own = scorer.online.ratings_of(np.array([user]))
        rated = Rated(scorer.dimensions.ids["movies"].known[own.movie], own.stars.tolist())
        return served.score(users, ids, rated)

    return score


def time_batches(score: Score, batches: Iterator[tuple[int, np.ndarray]]) -> Iterator[float]:
    """The milliseconds that each batch takes."""
    for user, movies in batches:
        start = time.perf_counter()
        score(user, movies)
        yield (time.perf_counter() - start) * 1000


def draw_batches(scorer: CheckpointModel, size: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Users that the training part knows, each with some movies."""
    random = np.random.default_rng(seed)
    users = np.flatnonzero(scorer.dimensions.training_ratings["users"])
    for user in random.choice(users, TURN):
        yield int(user), random.permutation(len(scorer.dimensions.ids["movies"]))[:size]


def measure_batches(run: Run, turns: int) -> list[Row]:
    """A row for the checkpoint and each exported model, at each batch size."""
    scorer = run.load()
    with tempfile.TemporaryDirectory() as folder:
        scores = {("checkpoint", "fp32"): from_checkpoint(scorer)}
        megabytes = {("checkpoint", "fp32"): measure_megabytes(run.checkpoint)}
        for precision in PRECISIONS:
            artifact = Path(folder) / precision
            export(scorer, precision, artifact)
            scores["exported", precision] = from_artifact(scorer, artifact)
            megabytes["exported", precision] = measure_megabytes(artifact)
        rows = []
        for size in (1, 512, len(scorer.dimensions.ids["movies"])):
            times: dict[tuple[str, str], list[float]] = {kind: [] for kind in scores}
            for turn in range(turns):
                for kind, score in scores.items():
                    found = list(time_batches(score, draw_batches(scorer, size, turn)))
                    # The first turn is a warm-up.
                    times[kind] += found * (turn > 0)
            for kind, found in times.items():
                p50, p99 = np.percentile(found, [50, 99])
                rows.append(
                    {
                        "features": run.features,
                        "artifact": kind[0],
                        "precision": kind[1],
                        "mb": round(megabytes[kind], 2),
                        "batch_size": size,
                        "p50_ms": round(p50, 3),
                        "p99_ms": round(p99, 3),
                    }
                )
    return rows


def measure_rates(run: Run, turns: int) -> list[Row]:
    """How many pairs of the training part `recsys predict` and evaluation score in a second."""
    scorer, part = run.load(), run.data / "split/train"
    checkpoint = read_checkpoint(run.checkpoint)
    dimensions, features = checkpoint.dimensions, checkpoint.features
    dataset = MovieLensDataset(part, dimensions, features, run.data / "features")
    model = load_model(checkpoint)
    users, movies = (
        torch.from_numpy(read_column(part, schemas.PART, name)).long() for name in ("user", "movie")
    )
    pairs = pa.table(
        {
            "userid": scorer.dimensions.ids["users"].known[users],
            "movieid": scorer.dimensions.ids["movies"].known[movies],
        }
    )
    # In the order of time, the users of a piece would be few. Here they are all.
    pairs = pairs.take(np.random.default_rng(1).permutation(len(pairs)))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "pairs"), Path(folder, "scores.parquet")
        pq.write_table(pairs, source.with_suffix(".parquet"))
        csv.write_csv(pairs, source.with_suffix(".csv"))
        more = run.load(threads=2)
        loops: dict[str, Callable[[], object]] = {
            "evaluation": lambda: predict(model, dataset),
            "predict, Parquet": lambda: score_file(scorer, source.with_suffix(".parquet"), target),
            "predict, CSV": lambda: score_file(
                scorer, source.with_suffix(".csv"), target.with_suffix(".csv")
            ),
        }
        if run.features == "all":
            loops["predict, Parquet, 2 threads for features"] = lambda: score_file(
                more, source.with_suffix(".parquet"), target
            )
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for turn in range(turns + 1):
            for name, loop in loops.items():
                start = time.perf_counter()
                loop()
                # The first turn is a warm-up.
                rates[name] += [len(pairs) / (time.perf_counter() - start)] * (turn > 0)
    return [
        {"features": run.features, "loop": name, "pairs_per_second": round(float(np.median(found)))}
        for name, found in rates.items()
    ]


def measure_megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def format_table(rows: list[Row]) -> str:
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, r.values()))} |" for r in rows)])


@click.command(help=__doc__)
@click.option("--turns", default=11, show_default=True, help=f"Turns of {TURN} batches.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/serving.json")
def main(turns: int, output: Path) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        runs = Run("own", ROOT / "data", ROOT / "models/dlrm"), train_all(Path(folder))
        rows = [row for run in runs for row in measure_batches(run, turns)]
        click.echo(format_table(rows))
        rates = [row for run in runs for row in measure_rates(run, 3)]
    click.echo("\n" + format_table(rates))
    content = {"machine": describe_machine(), "rows": rows, "rates": rates}
    output.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
