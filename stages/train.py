"""Stage train: a checkpoint and its history."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import click

from recsys.common.atomic import replacing
from recsys.common.command import PATH, quiet, stage
from recsys.common.params import load_params
from recsys.models.params import ModelParams
from recsys.storage.registry import FeatureParams
from recsys.training.params import TrainParams


@stage
@click.argument("encoded", type=PATH)
@click.argument("features", type=PATH)
@click.argument("train_part", type=PATH)
@click.argument("validation_part", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("history", type=PATH)
@click.option("--state", type=PATH, required=True, help="Where an unfinished training is.")
@click.option("--live", type=PATH, required=True, help="Where its last epoch is told meanwhile.")
def main(
    params: Path,
    encoded: Path,
    features: Path,
    train_part: Path,
    validation_part: Path,
    checkpoint: Path,
    history: Path,
    state: Path,
    live: Path,
) -> None:
    """Train on TRAIN_PART, keep the epoch best on VALIDATION_PART.

    Users, movies and vocabulary are in the folder ENCODED, statistics and histories of the ratings
    in the folder FEATURES. The model goes to the folder CHECKPOINT, the losses and validation
    metrics of each epoch to the CSV file HISTORY. Killed and started again, it goes on from the
    file STATE and ends with the same model. While it trains, the JSON file LIVE has the record of
    the last epoch.

    With train.processes above 1, it starts that many of itself; started by torchrun, it is one.
    """
    sections = Sections(
        load_params(params, FeatureParams),
        load_params(params, ModelParams),
        load_params(params, TrainParams),
    )
    files = Files(encoded, features, train_part, validation_part, checkpoint, history, state, live)
    # Slow to import: wrong params are told before.
    from recsys.training.launcher import launch
    from recsys.training.process_group import check_device, is_member

    check_device(sections.train.device)
    if sections.train.processes == 1 or is_member():
        fit(sections, files)
    else:
        launch(sections.train.processes, sections.train.device, fit_quietly, sections, files)


class Sections(NamedTuple):
    """Of params.yaml."""

    features: FeatureParams
    model: ModelParams
    train: TrainParams


class Files(NamedTuple):
    """The arguments of the command."""

    encoded: Path
    features: Path
    train_part: Path
    validation_part: Path
    checkpoint: Path
    history: Path
    state: Path
    live: Path


def fit_quietly(sections: Sections, files: Files) -> None:
    """What a process that is not the stage itself calls."""
    with quiet():
        fit(sections, files)


def fit(sections: Sections, files: Files) -> None:
    """Train in this process, or its part of the work in the world that it was started in."""
    import pandas as pd
    import torch

    from recsys.common.memory import keep_freed
    from recsys.dataloader.dataset import MovieLensDataset
    from recsys.models.checkpoint import Description, save_checkpoint
    from recsys.storage.vocabulary import Vocabulary
    from recsys.tasks.metrics import rounded
    from recsys.tasks.task import make_task
    from recsys.training.loop import train
    from recsys.training.process_group import joined
    from recsys.training.resume import ResumeFile, SharedResume
    from recsys.training.sharding import gather, shard

    params = sections.train
    torch.set_num_threads(params.threads)
    keep_freed()
    torch.use_deterministic_algorithms(True)
    # For which a GPU's matrix products ask.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(params.seed)
    vocabulary = Vocabulary.load(files.encoded / "vocabulary.json")
    task = make_task(params.task, vocabulary.rating_scale)
    tables = (files.encoded / "users.parquet", files.encoded / "movies.parquet")
    data = [files.train_part, files.validation_part, *tables, *sorted(files.features.glob("*"))]
    file = ResumeFile(files.state, sections, data) if params.checkpoint_every else None
    with joined(params.device) as world:
        training, validation = (
            MovieLensDataset(
                part, *tables, task.target, sections.features, files.features, world.share
            )
            for part in (files.train_part, files.validation_part)
        )
        description = Description(
            task=params.task,
            architecture=sections.model,
            features=sections.features,
            vocabulary_sizes={name: vocabulary.sizes[name] for name in training.fields},
            dense_features=training.dense_names,
            rating_scale=vocabulary.rating_scale,
        )
        # Beside the columns: no process has to have a whole table in memory.
        folder = files.train_part.parent
        model = shard(description.build(folder if world.size > 1 else None), params, world)
        resume = SharedResume(file, world) if file and world.size > 1 else file
        records = []
        for record in train(model, training, validation, task, params, resume, world):
            records.append(record)
            if world.rank == 0:
                click.echo("  ".join(f"{name} {value}" for name, value in rounded(record).items()))
                with replacing(files.live) as partial:
                    partial.write_text(json.dumps(rounded(record)) + "\n")
        weights = gather(model, world, folder)
        if world.rank == 0:
            save_checkpoint(weights, description, files.checkpoint)
            with replacing(files.history) as partial:
                pd.DataFrame(records).to_csv(partial, index=False, float_format="%.6f")
            files.live.unlink(missing_ok=True)
        # What the others may yet have to go on from.
        world.wait()
        if resume:
            resume.remove()


if __name__ == "__main__":
    main()
