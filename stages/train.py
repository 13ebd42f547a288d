"""Stage train: a checkpoint and its history."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from recsys.outputs import replacing
from recsys.params import ModelParams, TrainParams, load_params
from stages.command import PATH, quiet, stage


@stage
@click.argument("encoded", type=PATH)
@click.argument("train_part", type=PATH)
@click.argument("validation_part", type=PATH)
@click.argument("checkpoint", type=PATH)
@click.argument("history", type=PATH)
@click.option("--state", type=PATH, required=True, help="Where an unfinished training is.")
def main(
    params: Path,
    encoded: Path,
    train_part: Path,
    validation_part: Path,
    checkpoint: Path,
    history: Path,
    state: Path,
) -> None:
    """Train on TRAIN_PART, keep the epoch best on VALIDATION_PART.

    Users, movies and vocabulary are in the folder ENCODED. The model goes to the folder
    CHECKPOINT, the losses and validation metrics of each epoch to the CSV file HISTORY. Killed and
    started again, it goes on from the file STATE and ends with the same model.

    With train.processes above 1, it starts that many of itself; started by torchrun, it is one.
    """
    architecture = load_params(params, ModelParams)
    section = load_params(params, TrainParams)
    work = partial(
        fit, architecture, section, encoded, train_part, validation_part, checkpoint, history, state
    )
    # Slow to import: wrong params are told before.
    from recsys.launch import launch
    from recsys.world import check_device, is_member

    check_device(section.device)
    if section.processes == 1 or is_member():
        work()
    else:
        launch(section.processes, section.device, quietly, work)


def quietly(work: Callable[[], None]) -> None:
    """What a process that is not the stage itself calls."""
    with quiet():
        work()


def fit(
    architecture: ModelParams,
    section: TrainParams,
    encoded: Path,
    train_part: Path,
    validation_part: Path,
    checkpoint: Path,
    history: Path,
    state: Path,
) -> None:
    """Train in this process, or its part of the work in the world that it was started in."""
    import pandas as pd
    import torch

    from recsys.checkpoint import Description, save_checkpoint
    from recsys.dataset import MovieLensDataset
    from recsys.metrics import rounded
    from recsys.resume import ResumeFile, SharedResume
    from recsys.sharding import gather, shard
    from recsys.tasks import make_task
    from recsys.training import train
    from recsys.vocabulary import Vocabulary
    from recsys.world import joined

    torch.set_num_threads(section.threads)
    torch.use_deterministic_algorithms(True)
    # For which a GPU's matrix products ask.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(section.seed)
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    task = make_task(section.task, vocabulary.rating_scale)
    tables = (encoded / "users.parquet", encoded / "movies.parquet")
    description = Description(
        task=section.task,
        architecture=architecture,
        vocabulary_sizes=vocabulary.sizes,
        rating_scale=vocabulary.rating_scale,
    )
    data = (train_part, validation_part, *tables)
    file = ResumeFile(state, (architecture, section), data) if section.checkpoint_every else None
    with joined(section.device) as world:
        training = MovieLensDataset(train_part, *tables, task.target, world.share)
        validation = MovieLensDataset(validation_part, *tables, task.target, world.share)
        model = shard(description.build(), section, world)
        resume = SharedResume(file, world) if file and world.size > 1 else file
        records = []
        for record in train(model, training, validation, task, section, resume, world):
            records.append(record)
            if world.rank == 0:
                click.echo("  ".join(f"{name} {value}" for name, value in rounded(record).items()))
        weights = gather(model, world)
        if world.rank == 0:
            save_checkpoint(weights, description, checkpoint)
            with replacing(history) as partial_file:
                pd.DataFrame(records).to_csv(partial_file, index=False, float_format="%.6f")
        # What the others may yet have to go on from.
        world.wait()
        if resume:
            resume.remove()


if __name__ == "__main__":
    main()
