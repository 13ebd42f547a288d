"""Training from the files of the stages before it to a checkpoint."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pandas as pd
import torch

from recsys.common.atomic import atomic_write
from recsys.common.command import quiet
from recsys.common.memory import keep_freed_memory
from recsys.common.params import Params
from recsys.dataloader.dataset import MovieLensDataset
from recsys.models.checkpoint import Description, save_checkpoint
from recsys.models.params import ModelParams
from recsys.storage.dimensions import Dimensions
from recsys.storage.registry import FeatureParams
from recsys.tasks.metrics import Metrics, rounded
from recsys.tasks.task import make_task
from recsys.training.loop import train
from recsys.training.params import TrainParams
from recsys.training.process_group import World, joined
from recsys.training.resume import ResumeFile, SharedResume
from recsys.training.sharding import gather, shard


class Inputs(NamedTuple):
    """Folders of the stages before.

    Attributes:
        encoded: users, movies and vocabulary.
        parts: of the split; the test part is not read.
        features: statistics and histories.
    """

    encoded: Path
    parts: Path
    features: Path

    def part(self, name: str) -> Path:
        return self.parts / f"{name}.parquet"

    def files(self) -> list[Path]:
        """All files that training reads."""
        tables = [self.encoded / name for name in ("users.parquet", "movies.parquet")]
        features = [p for p in sorted(self.features.glob("*")) if p.name != "test.parquet"]
        return [
            *(self.part(name) for name in ("train", "validation")),
            *tables,
            self.encoded / "vocabulary.json",
            *sorted((self.parts / "counts").glob("*")),
            *features,
        ]


class Outputs(NamedTuple):
    """What training writes.

    Attributes:
        checkpoint: the folder of the model.
        history: a CSV file with a record of each epoch.
        state: where an unfinished training is; gone at the end.
        live: a JSON file with the record of the last epoch; gone at the end.
    """

    checkpoint: Path
    history: Path
    state: Path
    live: Path


def fit_quietly(params: Params, inputs: Inputs, outputs: Outputs, save_every: int) -> None:
    """`fit` in a process that is not the stage itself."""
    with quiet():
        fit(params, inputs, outputs, save_every)


def fit(params: Params, inputs: Inputs, outputs: Outputs, save_every: int) -> None:
    """Train in this process, or do its part of the work in the group that it was started in.

    Args:
        save_every: steps after which the state is saved; 0 for never.
    """
    section = params[TrainParams]
    prepare(section)
    dimensions = Dimensions.load(inputs.encoded, inputs.parts / "counts")
    task = make_task(section.task, dimensions.vocabulary.rating_scale)
    features = params[FeatureParams].selected
    sections = [params[FeatureParams], params[ModelParams], section]
    file = ResumeFile(outputs.state, sections, inputs.files()) if save_every else None
    with joined(section.device) as world:
        training, validation = (
            MovieLensDataset(
                inputs.part(name), dimensions, task.target, features, inputs.features, world.share
            )
            for name in ("train", "validation")
        )
        description = describe(params, training, dimensions)
        # Beside the columns: no process has to have a whole table in memory.
        folder = inputs.parts
        model = shard(description.build(folder if world.size > 1 else None), section, world)
        resume = SharedResume(file, world) if file and world.size > 1 else file
        epochs = train(model, training, validation, task, section, save_every, resume, world)
        records = list(announce(epochs, outputs.live, world))
        weights = gather(model, world, folder)
        if world.rank == 0:
            save_checkpoint(weights, description, dimensions, outputs.checkpoint)
            with atomic_write(outputs.history) as partial:
                pd.DataFrame(records).to_csv(partial, index=False, float_format="%.6f")
            outputs.live.unlink(missing_ok=True)
        # The other processes may still have to go on from their state.
        world.wait()
        if resume:
            resume.remove()


def prepare(params: TrainParams) -> None:
    """Settings of torch that make a run reproducible, and fast on few threads."""
    torch.set_num_threads(params.threads)
    keep_freed_memory()
    torch.use_deterministic_algorithms(True)
    # A GPU's deterministic matrix products need it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(params.seed)


def describe(params: Params, training: MovieLensDataset, dimensions: Dimensions) -> Description:
    """The model that fits the training part."""
    return Description(
        task=params[TrainParams].task,
        architecture=params[ModelParams],
        features=params[FeatureParams].selected,
        embedding_rows={
            feature.name: dimensions.rows_needed(feature.lookup)
            for feature in training.sparse_features
        },
        dense_features=training.dense_names,
        origin=training.origin,
    )


def announce(epochs: Iterator[Metrics], live: Path, world: World) -> Iterator[Metrics]:
    """Print the record of each epoch, and keep the last one in a file, from the first process."""
    for record in epochs:
        if world.rank == 0:
            click.echo("  ".join(f"{name} {value}" for name, value in rounded(record).items()))
            with atomic_write(live) as partial:
                partial.write_text(json.dumps(rounded(record)) + "\n")
        yield record
