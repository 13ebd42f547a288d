"""Stage train: a checkpoint and its history."""

import os
from pathlib import Path

import click

from recsys.outputs import replacing
from recsys.params import ModelParams, TrainParams, load_params
from stages.command import PATH, stage


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
    """
    architecture = load_params(params, ModelParams)
    section = load_params(params, TrainParams)
    # Slow to import: wrong params are told before.
    import pandas as pd
    import torch

    from recsys.checkpoint import Description, save_checkpoint
    from recsys.dataset import MovieLensDataset
    from recsys.metrics import rounded
    from recsys.resume import ResumeFile
    from recsys.tasks import make_task
    from recsys.training import check_device, train
    from recsys.vocabulary import Vocabulary

    check_device(section.device)
    torch.set_num_threads(section.threads)
    torch.use_deterministic_algorithms(True)
    # For which a GPU's matrix products ask.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(section.seed)
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    task = make_task(section.task, vocabulary.rating_scale)
    tables = (encoded / "users.parquet", encoded / "movies.parquet")
    training = MovieLensDataset(train_part, *tables, task.target)
    validation = MovieLensDataset(validation_part, *tables, task.target)
    description = Description(
        task=section.task,
        architecture=architecture,
        vocabulary_sizes=vocabulary.sizes,
        rating_scale=vocabulary.rating_scale,
    )
    model = description.build()
    data = (train_part, validation_part, *tables)
    resume = ResumeFile(state, (architecture, section), data) if section.checkpoint_every else None
    records = []
    for record in train(model, training, validation, task, section, resume):
        records.append(record)
        click.echo("  ".join(f"{name} {value}" for name, value in rounded(record).items()))
    save_checkpoint(model, description, checkpoint)
    with replacing(history) as partial:
        pd.DataFrame(records).to_csv(partial, index=False, float_format="%.6f")
    if resume:
        resume.remove()


if __name__ == "__main__":
    main()
