"""Several processes train as one does, on the toy data.

There are only three launches, because each takes seconds to import torch.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recsys.common.errors import InputError
from recsys.dataloader.dataset import MovieLensDataset, batches
from recsys.models.checkpoint import load_model, read_checkpoint
from recsys.scoring.metrics import Metrics
from recsys.storage.parts import part_path
from recsys.storage.resume import ResumeFile
from recsys.training import launcher, loop, sharding
from recsys.training.launcher import launch
from recsys.training.loop import train
from recsys.training.params import TrainParams
from recsys.training.process_group import SINGLE_PROCESS, ProcessGroup, join_process_group
from recsys.training.resume import ROOMS, DistributedResume
from recsys.training.sharding import gather, shard
from tests.conftest import PARAMS
from tests.imports import ROOT
from tests.params import set_params
from tests.prepared import load_dimensions, prepare
from tests.toy import make_toy
from tests.training.small import STARS, make_model, make_train_params

# There are 2403 training rows. The last batch of an epoch has one row, so one process has none.
QUICK = {"learning_rate": 1e-2, "batch_size": 126, "epochs": 25, "patience": 25, "processes": 2}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's files as the stages before training write them."""
    folder = tmp_path_factory.mktemp("toy")
    prepare(make_toy(users=80, movies=60, ratings=3003), folder)
    return folder


def make_params(**changes: object) -> TrainParams:
    return make_train_params(QUICK | changes)


def make_part(tables: Path, name: str, group: ProcessGroup = SINGLE_PROCESS) -> MovieLensDataset:
    part = part_path(tables / "split", name)
    return MovieLensDataset(
        part, load_dimensions(tables), partition=group.partition, thresholds=STARS.thresholds
    )


def take_steps(
    tables: Path, params: TrainParams, group: ProcessGroup, count: int
) -> tuple[dict[str, Tensor], list[float]]:
    """The weights after some steps, and the loss of each step."""
    part = make_part(tables, "train", group)
    model = shard(make_model(tables if group.size > 1 else None, heads=STARS), params, group)
    state = loop._begin(model, params, 20, torch.empty(0))
    losses = []
    # The first batch has a single row.
    for size in [1, *[params.batch_size] * (count - 1)]:
        batch = next(batches(part, size, torch.Generator().manual_seed(len(losses))))
        weight = len(batch.labels) * group.size / size
        loss = loop._step(state, batch, weight, params)
        losses.append(group.sum(loss * len(batch.labels)) / size)
    return gather(model, group, tables), losses


def fit(
    tables: Path, group: ProcessGroup, **changes: Any
) -> tuple[dict[str, Tensor], list[Metrics]]:
    params = make_params(**changes)
    parts = [make_part(tables, name, group) for name in ("train", "validation")]
    model = shard(make_model(tables if group.size > 1 else None, heads=STARS), params, group)
    history = list(train(model, *parts, STARS, params, group=group))
    return gather(model, group, tables), history


def work(tables: Path, output: Path) -> None:
    """Save what the tests below compare. Each process of the group calls this."""
    # So that each table is gathered in several pieces.
    sharding.ROWS_AT_ONCE = 7
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with join_process_group("cpu") as group:
        part = make_part(tables, "validation", group)
        gathered = group.gather_rows(part.labels, part.rows)
        rank = float(group.rank)
        collectives = (group.sum(rank + 0.5), group.intersection({rank, 7.0}), gathered)
        adam = take_steps(tables, make_params(), group, 6)
        fused = take_steps(tables, make_params(embedding_optimizer="rowwise_adagrad"), group, 6)
        whole = fit(tables, group)
        if group.rank == 0:
            torch.save((collectives, adam, fused, whole), output)


@pytest.fixture(scope="module")
def group_results(tables: Path) -> tuple[Any, ...]:
    """What `work` saved in a group of two processes."""
    launch(2, "cpu", work, tables, tables / "results.pt")
    results: tuple[Any, ...] = torch.load(tables / "results.pt", weights_only=False)
    return results


def test_the_group_sums_intersects_and_gathers(
    tables: Path, group_results: tuple[Any, ...]
) -> None:
    total, intersection, gathered = group_results[0]
    assert (total, intersection) == (2.0, {7.0})
    labels = make_part(tables, "validation").labels
    # One process has a row more than the other.
    assert len(labels) % 2
    torch.testing.assert_close(gathered, labels, rtol=0, atol=0)


def test_each_table_trains_as_in_one_process(tables: Path, group_results: tuple[Any, ...]) -> None:
    """The genres' table trains too, although FBGEMM registers no autograd for its kernel."""
    weights, losses = group_results[1]
    expected, expected_losses = take_steps(tables, make_params(), SINGLE_PROCESS, 6)
    first = make_model(heads=STARS).state_dict()
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-5)
    for name, weight in expected.items():
        assert (weight - first[name]).abs().max() > 0.01, name


def test_fused_tables_train_by_rowwise_adagrad(
    tables: Path, group_results: tuple[Any, ...]
) -> None:
    weights, losses = group_results[2]
    expected, expected_losses = rowwise_adagrad(tables, 6)
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-5)


def rowwise_adagrad(tables: Path, count: int) -> tuple[dict[str, Tensor], list[float]]:
    """`take_steps` in one process, with row-wise Adagrad written out."""
    params = make_params()
    part, model = make_part(tables, "train"), make_model(heads=STARS)
    embeddings = list(model.tables.parameters())
    squares = [torch.zeros(len(table)) for table in embeddings]
    others = [w for name, w in model.named_parameters() if not name.startswith("tables.")]
    adam = torch.optim.Adam(others, params.learning_rate, weight_decay=params.weight_decay)
    losses = []
    for size in [1, *[params.batch_size] * (count - 1)]:
        batch = next(batches(part, size, torch.Generator().manual_seed(len(losses))))
        model.zero_grad()
        logits = model(batch.dense_features, batch.sparse_features, batch.dense_index)
        loss = binary_cross_entropy_with_logits(logits, batch.labels)
        loss.backward()
        adam.step()
        with torch.no_grad():
            for table, sums in zip(embeddings, squares, strict=True):
                assert table.grad is not None
                sums += table.grad.square().mean(1)
                step = params.embedding_learning_rate / (sums.sqrt() + 1e-8)
                table -= step.unsqueeze(1) * table.grad
        losses.append(loss.item())
    return model.state_dict(), losses


def test_two_processes_train_as_one_does(tables: Path, group_results: tuple[Any, ...]) -> None:
    _, history = group_results[3]
    _, expected = fit(tables, SINGLE_PROCESS)
    assert len(history) == len(expected) == QUICK["epochs"]
    for name, value in expected[0].items():
        assert history[0][name] == pytest.approx(value, rel=1e-3)
    assert max(record["validation_auc"] for record in history) == pytest.approx(
        max(record["validation_auc"] for record in expected), abs=0.01
    )


def command(folder: Path, tables: Path, **changes: object) -> list[str]:
    """The command that DVC runs for the stage, with the outputs in the folder."""
    params = Path(shutil.copy(PARAMS, folder))
    set_params(params, **{f"train.{name}": value for name, value in (QUICK | changes).items()})
    inputs = [str(tables / name) for name in ("encoded", "split", "no features")]
    outputs = [str(folder / name) for name in ("dlrm", "history.csv")]
    options = [f"--params={params}", f"--state={folder}/state", f"--live={folder}/live"]
    stage = [sys.executable, "-m", "stages.train", "--save-every=4"]
    return [*stage, *options, *inputs, *outputs]


def test_a_killed_process_is_restarted_and_the_result_is_the_same(
    tables: Path, tmp_path: Path, group_results: tuple[Any, ...]
) -> None:
    weights, history = group_results[3]
    running = subprocess.Popen(
        command(tmp_path, tables),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    output = ""
    with running:
        for line in running.stdout:
            output += line
            if output.count("epoch 3 ") == 1 and "killed" not in output:
                os.kill(find_workers(running.pid)[-1], signal.SIGKILL)
                output += "killed\n"
    assert running.returncode == 0, output
    assert "killed\n" in output
    assert re.search(r"resuming after step \d+ of epoch [2-9]", output), output
    model = load_model(read_checkpoint(tmp_path / "dlrm"))
    torch.testing.assert_close(model.state_dict(), weights, rtol=0, atol=0)
    losses = pd.read_csv(tmp_path / "history.csv")["train_loss"]
    assert list(losses) == [round(record["train_loss"], 6) for record in history]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"dlrm", "history.csv", "params.yaml"}


def find_workers(stage: int) -> list[int]:
    """The ids of a stage's training processes: the children of its fork server."""
    return [worker for child in find_children(stage) for worker in find_children(child)]


def find_children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_an_input_error_is_reported_once(tables: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, tables, learning_rate=1e20), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: a .* of epoch 1 is not a finite number; .*\n", done.stderr)


def test_a_process_exits_with_its_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(launcher.os, "_exit", statuses.append)
    with subprocess.Popen(["sleep", "0.2"]) as running:
        assert running.poll() is None
        launcher._exit_with_launcher(running.pid)
    assert statuses == [1]


def test_too_many_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher.os, "cpu_count", lambda: 4)
    with pytest.raises(InputError, match=r"train.processes = 5: .* \(cpu\) for at most 4; set it"):
        launch(5, "cpu", print)


class GroupOfTwo(ProcessGroup):
    """A group whose other process has the states of these steps of the first epoch."""

    rank, size = 0, 2

    def __init__(self, *steps: int) -> None:
        self.steps = {(1, step) for step in steps}

    def intersection(self, items: set[Any]) -> set[Any]:
        return items & self.steps


@pytest.mark.parametrize(
    ("other_steps", "expected"), [((8, 12), 12), ((4, 8), 8), ((4,), None), ((), None)]
)
def test_processes_resume_from_the_newest_state_that_all_have(
    tmp_path: Path, other_steps: tuple[int, ...], expected: int | None
) -> None:
    file = ResumeFile(tmp_path / "state", [make_params()], [], ROOMS)
    killed = DistributedResume(file, GroupOfTwo())
    for step in (4, 8, 12):
        killed.save({"epoch": 1, "step": step})
    restarted = DistributedResume(file, GroupOfTwo(*other_steps))
    state = restarted.load()
    assert (state and state["step"]) == expected
    if expected == 8:
        # Saving step 12 keeps the state of step 8, which the other process may still need.
        restarted.save({"epoch": 1, "step": 12})
        assert DistributedResume(file, GroupOfTwo(8)).load() is not None
    restarted.remove()
    assert not list(tmp_path.iterdir())
