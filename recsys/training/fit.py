"""The work of the stage train: from the files of the earlier stages to a checkpoint."""

import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch

from recsys.common.atomic import atomic_write
from recsys.common.command import quiet
from recsys.common.memory import keep_freed_memory
from recsys.common.params import Params
from recsys.dataloader.dataset import MovieLensDataset
from recsys.models.checkpoint import Checkpoint, build_model, save_checkpoint
from recsys.models.description import Description, Heads
from recsys.models.params import ModelParams
from recsys.scoring.metrics import Metrics, rounded
from recsys.storage.dimensions import Dimensions
from recsys.storage.parquet import list_files
from recsys.storage.parts import part_path
from recsys.storage.registry import FeatureParams, select_features
from recsys.storage.resume import ResumeFile
from recsys.storage.vocabulary import Vocabulary
from recsys.training.loop import train
from recsys.training.params import TrainParams
from recsys.training.process_group import ProcessGroup, join_process_group
from recsys.training.resume import ROOMS, DistributedResume
from recsys.training.sharding import gather, shard


class Inputs(NamedTuple):
    """Folders that the earlier stages wrote.

    Attributes:
        encoded: holds the users, the movies and the vocabulary.
        parts: holds the parts of the split; training does not read the test part.
        features: holds the statistics and histories.
    """

    encoded: Path
    parts: Path
    features: Path

    def part(self, name: str) -> Path:
        return part_path(self.parts, name)

    def files(self) -> list[Path]:
        """All files that training reads."""
        tables = [self.encoded / name for name in ("users.parquet", "movies.parquet")]
        features = [path for path in sorted(self.features.rglob("*")) if path.is_file()]
        parts = (list_files(self.part(name)) for name in ("train", "validation"))
        return [
            *chain.from_iterable(parts),
            *tables,
            self.encoded / "vocabulary.json",
            *sorted((self.parts / "counts").glob("*")),
            *(path for path in features if path.name != "test.parquet"),
        ]


class Outputs(NamedTuple):
    """Paths that training writes to.

    Attributes:
        checkpoint: the folder of the model.
        history: a CSV file with a record of each epoch.
        state: what an interrupted training resumes from; removed at the end.
        live: a JSON file with the record of the last epoch; the stage removes it at the end.
    """

    checkpoint: Path
    history: Path
    state: Path
    live: Path


def fit_quietly(params: Params, inputs: Inputs, outputs: Outputs, save_every: int) -> None:
    """Call `fit` in a process that a launcher started, with the libraries' messages hidden."""
    with quiet():
        fit(params, inputs, outputs, save_every)


def fit(params: Params, inputs: Inputs, outputs: Outputs, save_every: int) -> None:
    """Train a model and write it, alone or with the other processes of this one's group.

    Args:
        save_every: the number of steps between two saves of the state; 0 for never.
    """
    section = params[TrainParams]
    set_up_torch(section)
    dimensions = Dimensions.load(inputs.encoded, inputs.parts / "counts")
    heads = make_heads(section, dimensions.vocabulary)
    features = select_features(params[FeatureParams].names, dimensions.vocabulary.features)
    sections = [params[FeatureParams], params[ModelParams], section]
    file = ResumeFile(outputs.state, sections, inputs.files(), ROOMS) if save_every else None
    with join_process_group(section.device) as group:
        training, validation = (
            MovieLensDataset(
                inputs.part(name),
                dimensions,
                features,
                inputs.features,
                group.partition,
                heads.thresholds,
            )
            for name in ("train", "validation")
        )
        description = describe_model(params, training, dimensions, heads)
        # Several processes map their tables from files here, so none holds a whole table in memory.
        folder = inputs.parts
        model = shard(build_model(description, folder if group.size > 1 else None), section, group)
        resume = DistributedResume(file, group) if file and group.size > 1 else file
        epochs = train(model, training, validation, heads, section, save_every, resume, group)
        records = list(report_epochs(epochs, outputs.live, group))
        weights = gather(model, group, folder)
        if group.rank == 0:
            checkpoint = Checkpoint(description, training.lineage, dimensions, weights)
            save_checkpoint(checkpoint, outputs.checkpoint)
            with atomic_write(outputs.history) as partial:
                pd.DataFrame(records).to_csv(partial, index=False, float_format="%.6f")
        # Until all processes are done, one may still fail, and then all of them need their states.
        group.barrier()
        if resume:
            resume.remove()


def set_up_torch(params: TrainParams) -> None:
    """Make torch reproducible, and fast on few threads."""
    torch.set_num_threads(params.threads)
    keep_freed_memory()
    torch.use_deterministic_algorithms(True)
    # On a GPU, cuBLAS is deterministic only with this setting.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(params.seed)


def make_heads(params: TrainParams, vocabulary: Vocabulary) -> Heads:
    """The thresholds that the model learns: all of the rating scale, or the label's alone."""
    scale, cut = vocabulary.rating_scale, vocabulary.like_cut
    thresholds = scale.thresholds(cut) if params.thresholds == "all" else (cut,)
    if len(thresholds) == 1:
        return Heads(thresholds)
    return Heads(thresholds, thresholds.index(cut), scale.stars_between(thresholds))


def describe_model(
    params: Params, training: MovieLensDataset, dimensions: Dimensions, heads: Heads
) -> Description:
    """The description of the model that params.yaml asks for, with the sizes of the data."""
    names = params[FeatureParams].names
    tables = {feature.name: feature.embedding_table_name for feature in training.sparse_features}
    return Description(
        heads=heads,
        architecture=params[ModelParams].architecture(),
        features=tuple(f.name for f in select_features(names, dimensions.vocabulary.features)),
        tables=tables,
        embedding_rows={name: dimensions.count_embeddings(name) for name in tables.values()},
        dense_features=training.dense_names,
    )


def report_epochs(epochs: Iterator[Metrics], live: Path, group: ProcessGroup) -> Iterator[Metrics]:
    """Pass the records on. The first process prints each one and keeps the last one in a file.

    Args:
        live: the JSON file.
    """
    for record in epochs:
        if group.rank == 0:
            print(
                "  ".join(f"{name} {value}" for name, value in rounded(record).items()), flush=True
            )
            with atomic_write(live) as partial:
                partial.write_text(json.dumps(rounded(record)) + "\n")
        yield record
