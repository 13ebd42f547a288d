"""Exports a checkpoint as a folder that scores without this project."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.dataloader.pairs import TableName
from recsys.retrieval.model import RetrievalModel
from recsys.serving.artifact.files import Artifact, write_artifact
from recsys.serving.artifact.ids import Ids
from recsys.serving.artifact.retrieval_weights import RetrievalWeights
from recsys.serving.artifact.weights import quantise_tables
from recsys.serving.pair_scorer import PairScorer
from recsys.storage.dimensions import Dimensions

PACKAGE = Path(__file__).parents[2]
# The standalone scorer and the modules that it imports. Every artifact holds copies of them.
MODULES = (
    "recsys.serving.artifact.scorer",
    "recsys.serving.artifact.files",
    "recsys.serving.artifact.pair_network",
    "recsys.serving.artifact.network",
    "recsys.serving.artifact.description",
    "recsys.serving.artifact.retrieval_weights",
    "recsys.serving.artifact.ids",
    "recsys.serving.recommend.ranking",
    "recsys.dataloader.pairs",
    "recsys.dataloader.jagged",
    "recsys.features.fitted",
    "recsys.features.online",
    "recsys.features.statistics",
    "recsys.features.histories",
    "recsys.features.gaussian_process.posterior",
    "recsys.features.visibility",
)


def export(
    scorer: PairScorer, precision: str, folder: Path, retrieval: RetrievalModel | None = None
) -> None:
    """Write everything that the artifact's `Scorer` needs to a folder, its modules included.

    Args:
        precision: of the embedding tables, one of `description.PRECISIONS`; the MLPs stay fp32.
        retrieval: of the same run; without it, the artifact scores and does not recommend.

    Raises:
        InputError: a weight is not a finite number, or is too large for the precision; or the
            retrieval model has a sequence encoder.
    """
    artifact = Artifact(
        replace(scorer.plain, precision=precision),
        quantise_tables(scorer.weights, precision),
        {table: read_ids(scorer.dimensions, table) for table in get_args(TableName)},
        scorer.model.pairs.to_tensors(),
        scorer.model.movie_index,
        scorer.store.fitted if scorer.store else None,
        None if retrieval is None else convert_retrieval_model(retrieval),
    )
    with atomic_write(folder) as partial:
        partial.mkdir()
        write_artifact(artifact, partial)
        for module in MODULES:
            copy_module(module, partial)


def convert_retrieval_model(retrieval: RetrievalModel) -> RetrievalWeights:
    """The retrieval model as an artifact has it.

    Raises:
        InputError: it has a sequence encoder.
    """
    if retrieval.encoder is not None:
        raise InputError(
            "this retrieval model has a sequence encoder (retrieval.model = sequence), which no "
            "artifact holds; export with --scores-only, or serve it with `recsys serve`"
        )
    numbers = {name: torch.from_numpy(array) for name, array in retrieval.to_numbers().items()}
    params = retrieval.params
    return RetrievalWeights(numbers, params.candidates, params.like_weight)


def copy_module(name: str, folder: Path) -> None:
    """Copy a module of this project into a folder, below packages with an empty `__init__.py`."""
    target = folder / Path(*name.split(".")).with_suffix(".py")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PACKAGE.parent / target.relative_to(folder), target)
    for package in target.relative_to(folder).parents[:-1]:
        (folder / package / "__init__.py").touch()


def read_ids(dimensions: Dimensions, table: str) -> Ids:
    """The published ids of the users or movies."""
    ids = dimensions.raw_ids(table)
    if ids.dtype.kind in "iu":
        return Ids(torch.from_numpy(ids.astype(np.int64)))
    return Ids([str(text) for text in ids])
