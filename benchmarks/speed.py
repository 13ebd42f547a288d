"""Speed of training, of evaluation and of the stages, compared with stock TorchRec and a bound.

Each loop runs in a process of its own, on one thread. The loops take turns, and figures are
medians. All loops have the same model: D 64, bottom MLP 128-64, top MLP 128-64-1, no dropout, Adam.
The data is the training part of MovieLens 1M that `dvc repro` leaves in data/. Without it, the
benchmark makes synthetic ratings of that size.
"""

import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import click
import torch
from torch.utils.data import DataLoader, Dataset
from torchrec.models import dlrm as torchrec_dlrm

from benchmarks.machine import describe_machine
from benchmarks.scale import STAGES, run_stage, write_params
from recsys.common.memory import keep_freed_memory
from recsys.dataloader.dataset import MovieLensDataset, batches, collate_fn
from recsys.dataloader.tables import make_index
from recsys.models import embeddings
from recsys.models.description import Architecture
from recsys.models.dlrm import DLRMRecommender
from recsys.storage.dimensions import Dimensions

ROOT = Path(__file__).parents[1]
ARCHITECTURE = Architecture(
    kind="dlrm",
    embedding_dimension=64,
    cross_layers=1,
    cross_rank=1,
    pooling="mean",
    embedding_std=0.01,
    bottom_layers=(128,),
    top_layers=(128, 64),
    dropout=0.0,
)
SIZES = {"userid": 6041, "movieid": 3884, "genres": 18}
# The model's layers, [inputs, outputs]. Their matrix products alone are the bound.
LAYERS = [(1, 128), (128, 64), (70, 128), (128, 64), (64, 1)]
# The layers that ours computes for each row. The others it computes once for each unique row of the
# dense features.
OUR_LAYERS = [(6, 128), (128, 64), (64, 1)]
# The imports of each stage. train and evaluate import more after they have read their params.
IMPORTS = {stage: f"import stages.{stage}" for stage in STAGES} | {
    "train, all": "import stages.train, recsys.models.checkpoint, recsys.training.loop",
    "evaluate, all": "import stages.evaluate, recsys.models.checkpoint, recsys.training.loop",
}
# A loop yields after each batch and never ends.
Loop = Iterator[None]


class ByRow(Dataset):
    """A dataset that reads each row on its own from columns in memory.

    This is the literal reading of the system's description.
    """

    def __init__(self, dataset: MovieLensDataset, dimensions: Dimensions) -> None:
        self.dataset = dataset
        self.userid, self.movieid = (make_index(dimensions, name) for name in ("users", "movies"))
        self.gender = torch.tensor(dimensions.tables["users"]["gender"].to_numpy())
        lists = dimensions.tables["movies"]["genres"].combine_chunks()
        self.genres = torch.tensor(lists.flatten().to_numpy())
        self.offsets = lists.offsets.to_pylist()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        user, movie = self.dataset.user[row], self.dataset.movie[row]
        return {
            "userid": self.userid[user].long(),
            "movieid": self.movieid[movie].long(),
            "genres": self.genres[self.offsets[movie] : self.offsets[movie + 1]].long(),
            "gender": self.gender[user],
            "label": self.dataset.labels[row].float(),
        }


def load_dimensions(data: Path) -> Dimensions:
    return Dimensions.load(data / "encoded", data / "split/counts")


def load(data: Path, deduplicated: bool = True) -> MovieLensDataset:
    """The training part, with repeated dense features once in a batch or in each row."""
    dataset = MovieLensDataset(data / "split/train", load_dimensions(data))
    if not deduplicated:
        dataset.unique_dense = None
    return dataset


@contextmanager
def open_data() -> Iterator[Path]:
    """Yield a folder with `encoded` and `split`."""
    real = ROOT / "data"
    if (real / "split/train").exists():
        yield real
        return
    with tempfile.TemporaryDirectory() as folder:
        write_params(1, Path(folder))
        for stage in ("source", "fetch", "encode", "split"):
            run_stage(stage, Path(folder))
        yield Path(folder)


def measure_stages(repeats: int) -> list[dict[str, object]]:
    """The run of median time of each stage, on a million synthetic ratings with one epoch."""
    runs: dict[str, list[dict[str, object]]] = {stage: [] for stage in STAGES}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            write_params(1, Path(folder), "adam")
            for stage in STAGES:
                runs[stage].append(run_stage(stage, Path(folder)))
    return [sorted(rows, key=lambda row: row["seconds"])[repeats // 2] for rows in runs.values()]


def measure_imports(repeats: int) -> list[dict[str, object]]:
    """The median seconds of Python processes that import the modules of a stage and exit."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(repeats):
        for name, code in IMPORTS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True)
            seconds[name].append(time.perf_counter() - start)
    return [
        {"stage": name, "seconds": round(statistics.median(values), 2)}
        for name, values in seconds.items()
    ]


def make_ours() -> DLRMRecommender:
    return DLRMRecommender(SIZES, 1, ARCHITECTURE)


def make_stock() -> torchrec_dlrm.DLRM:
    """TorchRec's DLRM with the same sizes."""
    return torchrec_dlrm.DLRM(make_ours().tables, 1, [128, 64], [128, 64, 1])


def make_with_torchs_gradient() -> DLRMRecommender:
    """Our model where FBGEMM lacks the gradient of the tables; the process keeps doing without."""
    embeddings.GRADIENT = "none"
    return make_ours()


def shuffled(dataset: MovieLensDataset, batch_size: int) -> Iterator:
    shuffle = torch.Generator().manual_seed(1)
    while True:
        yield from batches(dataset, batch_size, shuffle)


def by_row(dataset: ByRow, batch_size: int) -> Iterator:
    while True:
        yield from DataLoader(dataset, batch_size, shuffle=True, collate_fn=collate_fn)


def train(
    model: torch.nn.Module,
    rows: Iterator,
    fused: bool = True,
    fused_tables: bool = False,
    keep_memory: bool = False,
) -> Loop:
    if keep_memory:
        keep_freed_memory()
    if fused_tables:
        model.fuse_optimizer(0.1)
    weights = [w for name, w in model.named_parameters() if not (fused_tables and "bags" in name)]
    adam = torch.optim.Adam(weights, fused=fused)
    loss_function = torch.nn.BCEWithLogitsLoss()
    for batch in rows:
        adam.zero_grad()
        inputs = [batch.dense_features, batch.sparse_features]
        if batch.dense_index is not None:
            inputs.append(batch.dense_index)
        loss_function(model(*inputs), batch.labels).backward()
        adam.step()
        yield


def evaluate(model: DLRMRecommender, dataset: MovieLensDataset, batch_size: int) -> Loop:
    keep_freed_memory()
    model.eval()
    with torch.no_grad():
        while True:
            for batch in batches(dataset, batch_size):
                torch.sigmoid(model(batch.dense_features, batch.sparse_features, batch.dense_index))
                yield


def bound(batch_size: int, layers: list[tuple[int, int]] = LAYERS) -> Loop:
    """Only the matrix products of a step, in the forward and in the backward pass."""
    keep_freed_memory()
    inputs = [torch.randn(batch_size, i) for i, _ in layers]
    weights = [torch.randn(o, i) for i, o in layers]
    gradients = [torch.randn(batch_size, o) for _, o in layers]
    while True:
        for layer, (x, weight, gradient) in enumerate(zip(inputs, weights, gradients, strict=True)):
            torch.mm(x, weight.t())
            torch.mm(gradient.t(), x)
            # The dense feature itself needs no gradient.
            if layer:
                torch.mm(gradient, weight)
        yield


def make_batches(rows: Iterator) -> Loop:
    for _ in rows:
        yield


LOOPS: dict[str, Callable[[Path, int], Loop]] = {
    "literal": lambda data, size: train(
        make_stock(), by_row(ByRow(load(data), load_dimensions(data)), size), fused=False
    ),
    "stock_torchrec": lambda data, size: train(
        make_stock(), shuffled(load(data, False), size), fused=False
    ),
    "+ fused Adam": lambda data, size: train(make_stock(), shuffled(load(data, False), size)),
    "+ interaction without bmm": lambda data, size: train(
        make_with_torchs_gradient(), shuffled(load(data, False), size)
    ),
    "+ embeddings back by FBGEMM": lambda data, size: train(
        make_ours(), shuffled(load(data, False), size)
    ),
    "+ freed memory kept": lambda data, size: train(
        make_ours(), shuffled(load(data, False), size), keep_memory=True
    ),
    # This one also has batches with deduplicated dense features.
    "ours": lambda data, size: train(make_ours(), shuffled(load(data), size), keep_memory=True),
    "ours, row-wise Adagrad": lambda data, size: train(
        make_ours(), shuffled(load(data), size), fused_tables=True, keep_memory=True
    ),
    "bound": lambda _, size: bound(size),
    "bound, deduplicated": lambda _, size: bound(size, OUR_LAYERS),
    "batches alone": lambda data, size: make_batches(shuffled(load(data), size)),
    "evaluation": lambda data, size: evaluate(make_ours(), load(data), size),
}


def run_loop(name: str, data: Path, batch_size: int, pipe: Connection) -> None:
    """Run a loop in this process: receive a number of seconds, run for that long, send the rate.

    The rate is in samples per second. The peak memory in MB is sent with it.
    """
    torch.set_num_threads(1)
    loop = LOOPS[name](data, batch_size)
    while (seconds := pipe.recv()) is not None:
        steps, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            next(loop)
            steps += 1
        rate = steps * batch_size / (time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send((rate, peak))


def measure(data: Path, batch_size: int, repeats: int, seconds: float) -> list[dict[str, object]]:
    """Measure all loops in turns at one batch size, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipes, rates, peaks = {}, {name: [] for name in LOOPS}, {}
    for name in LOOPS:
        pipes[name], child_pipe = context.Pipe()
        arguments = (name, data, batch_size, child_pipe)
        context.Process(target=run_loop, args=arguments, daemon=True).start()
    for turn in range(repeats + 1):
        for name, pipe in pipes.items():
            pipe.send(seconds)
            rate, peaks[name] = pipe.recv()
            # The first turn is a warm-up.
            rates[name] += [rate] * (turn > 0)
    for pipe in pipes.values():
        pipe.send(None)
    median = {name: statistics.median(values) for name, values in rates.items()}
    return [
        {
            "name": name,
            "batch_size": batch_size,
            "samples_per_second": round(median[name]),
            "ratio": round(median[name] / median["literal"], 2),
            "share_of_bound": round(median[name] / median["bound"], 3),
            "peak_mb": round(peaks[name]),
        }
        for name in LOOPS
    ]


def format_table(rows: list[dict[str, object]]) -> str:
    lines = [
        "| loop | batch | samples/s | x literal | share of bound | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['name']} | {r['batch_size']} | {r['samples_per_second']:,} | {r['ratio']} | "
        f"{r['share_of_bound']:.0%} | {r['peak_mb']} |"
        for r in rows
    ]
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option(
    "--size", "sizes", multiple=True, default=(1024, 4096), help="Batch size; may be repeated."
)
@click.option(
    "--repeats", default=9, show_default=True, help="Turns of each loop, after a warm-up."
)
@click.option("--seconds", default=1.0, show_default=True, help="Seconds of a turn.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "benchmarks/speed.json")
def main(sizes: tuple[int, ...], repeats: int, seconds: float, output: Path) -> None:
    with open_data() as data:
        rows = [row for size in sizes for row in measure(data, size, repeats, seconds)]
    click.echo(format_table(rows))
    imports, stages = measure_imports(5), measure_stages(3)
    for row in [*imports, *stages]:
        click.echo(json.dumps(row))
    content = {"machine": describe_machine(), "rows": rows, "imports": imports, "stages": stages}
    output.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
