"""Size, AUC and time to score a batch on one core, of exported models and their checkpoint.

A batch is a number of pairs of the test part, by their published ids. The models take turns. The
benchmark also compares the rate of `recsys predict` with that of evaluation. It needs the files
that `dvc repro` writes to data/ and models/.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pyarrow import csv
from torch import Tensor

from benchmarks.machine import describe_machine
from recsys.dataloader.dataset import MovieLensDataset
from recsys.dataloader.pairs import find_rows
from recsys.serving.description import PRECISIONS
from recsys.serving.export import export
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.predict import score_file
from recsys.serving.scorer import Scorer
from recsys.storage import schemas
from recsys.storage.parquet import read_column
from recsys.tasks.metrics import auc
from recsys.tasks.predict import predict

ROOT = Path(__file__).parents[1]
BATCH_SIZES = (1, 512)
# Scores pairs of published user and movie ids, [B] each.
Score = Callable[[Tensor, Tensor], Tensor]
Row = dict[str, object]


def from_checkpoint(scorer: PairScorer) -> Score:
    def score(userids: Tensor, movieids: Tensor) -> Tensor:
        users, movies = find_rows(userids, scorer.userids), find_rows(movieids, scorer.movieids)
        return torch.from_numpy(scorer.score(users, movies))

    return score


def read_ids(part: Path, scorer: PairScorer) -> tuple[Tensor, Tensor]:
    """The published user and movie ids of a part, [N] each."""
    rows = [
        torch.from_numpy(read_column(part, schemas.PART, name)).long() for name in ("user", "movie")
    ]
    return scorer.userids[rows[0]], scorer.movieids[rows[1]]


def time_batches(score: Score, batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[float]:
    """The milliseconds that each batch takes."""
    for ids in batches:
        start = time.perf_counter()
        score(*ids)
        yield (time.perf_counter() - start) * 1000


def measure(scores: dict[str, Score], ids: tuple[Tensor, Tensor], size: int, turns: int) -> dict:
    """The median and the 99th percentile of the times of each model, in milliseconds.

    Args:
        scores: the models, by name.
        ids: of all pairs.
        size: pairs in a batch.
        turns: how often each model scores 100 batches.
    """
    times: dict[str, list[float]] = {name: [] for name in scores}
    order = torch.randperm(len(ids[0]), generator=torch.Generator().manual_seed(1))
    for turn in range(turns):
        rows = order.roll(turn * 100 * size)[: 100 * size].split(size)
        for name, score in scores.items():
            found = list(time_batches(score, ((ids[0][r], ids[1][r]) for r in rows)))
            # The first turn is a warm-up.
            times[name] += found * (turn > 0)
    return {name: np.percentile(found, [50, 99]) for name, found in times.items()}


def measure_rates(scorer: PairScorer, root: Path, turns: int) -> list[Row]:
    """How many pairs of the training part `recsys predict` and the evaluation score in a second."""
    part = root / "data/split/train.parquet"
    dataset = MovieLensDataset(part, scorer.dimensions, "label", scorer.description.features)
    ids = dict(zip(("userid", "movieid"), read_ids(part, scorer), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        pairs = pa.table({name: values.numpy() for name, values in ids.items()})
        source = {suffix: Path(folder, f"pairs.{suffix}") for suffix in ("parquet", "csv")}
        pq.write_table(pairs, source["parquet"])
        csv.write_csv(pairs, source["csv"])
        loops: dict[str, Callable[[], object]] = {
            "evaluation": lambda: predict(scorer.model, dataset, scorer.task),
            "predict, Parquet": lambda: score_file(
                scorer, source["parquet"], Path(folder, "scores.parquet")
            ),
            "predict, CSV": lambda: score_file(scorer, source["csv"], Path(folder, "scores.csv")),
        }
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for turn in range(turns + 1):
            for name, loop in loops.items():
                start = time.perf_counter()
                loop()
                # The first turn is a warm-up.
                rates[name] += [len(dataset) / (time.perf_counter() - start)] * (turn > 0)
    return [
        {"loop": name, "pairs_per_second": round(float(np.median(found)))}
        for name, found in rates.items()
    ]


def measure_megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def measure_artifacts(scorer: PairScorer, root: Path, turns: int) -> list[Row]:
    """A row for the checkpoint and for each exported model, at each batch size."""
    checkpoint, part = root / "models/dlrm", root / "data/split/test.parquet"
    ids, labels = read_ids(part, scorer), read_column(part, schemas.PART, "label")
    kinds = {("checkpoint", "fp32"): (from_checkpoint(scorer), measure_megabytes(checkpoint))}
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            artifact = Path(folder) / precision
            export(scorer, precision, artifact)
            kinds["exported", precision] = Scorer(artifact).score, measure_megabytes(artifact)
    scores = {kind: score for kind, (score, _) in kinds.items()}
    aucs = {kind: auc(labels, score(*ids).numpy()) for kind, score in scores.items()}
    rows = []
    for size in BATCH_SIZES:
        times = measure(scores, ids, size, turns)
        rows += [
            {
                "artifact": kind[0],
                "precision": kind[1],
                "mb": round(kinds[kind][1], 2),
                "batch_size": size,
                "p50_ms": round(times[kind][0], 3),
                "p99_ms": round(times[kind][1], 3),
                "auc": round(aucs[kind], 5),
            }
            for kind in kinds
        ]
    return rows


def format_table(rows: list[Row]) -> str:
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, r.values()))} |" for r in rows)])


@click.command(help=__doc__)
@click.option("--turns", default=21, show_default=True, help="Turns of 100 batches.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/serving.json")
def main(turns: int, output: Path) -> None:
    torch.set_num_threads(1)
    scorer = PairScorer(ROOT / "models/dlrm")
    rows = measure_artifacts(scorer, ROOT, turns)
    click.echo(format_table(rows))
    rates = measure_rates(scorer, ROOT, 7)
    click.echo("\n" + format_table(rates))
    content = {"machine": describe_machine(), "rows": rows, "rates": rates}
    output.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
