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
from recsys.retrieval.exposure import Exposure
from recsys.serving.artifact import Artifact, write_artifact
from recsys.serving.exposure_weights import ExposureWeights
from recsys.serving.ids import Ids
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.weights import quantise_tables
from recsys.storage.dimensions import Dimensions

PACKAGE = Path(__file__).parents[1]
# The standalone scorer and the modules that it imports. Every artifact holds copies of them.
MODULES = (
    "recsys.serving.scorer",
    "recsys.serving.artifact",
    "recsys.serving.pair_network",
    "recsys.serving.network",
    "recsys.serving.description",
    "recsys.serving.exposure_weights",
    "recsys.serving.ids",
    "recsys.serving.ranking",
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
    scorer: PairScorer, precision: str, folder: Path, exposure: Exposure | None = None
) -> None:
    """Write everything that `recsys.serving.scorer.Scorer` needs to a folder, its modules included.

    Args:
        precision: of the embedding tables, one of `description.PRECISIONS`; the MLPs stay fp32.
        exposure: of the same run; without it, the artifact scores and does not recommend.

    Raises:
        InputError: a weight is not a finite number, or is too large for the precision; or the
            exposure model has a sequence encoder.
    """
    artifact = Artifact(
        replace(scorer.plain, precision=precision),
        quantise_tables(scorer.weights, precision),
        {table: read_ids(scorer.dimensions, table) for table in get_args(TableName)},
        scorer.model.pairs.to_tensors(),
        scorer.model.movie_index,
        scorer.store.fitted if scorer.store else None,
        None if exposure is None else convert_exposure(exposure),
    )
    with atomic_write(folder) as partial:
        partial.mkdir()
        write_artifact(artifact, partial)
        for module in MODULES:
            copy_module(module, partial)


def convert_exposure(exposure: Exposure) -> ExposureWeights:
    """The exposure model as an artifact has it.

    Raises:
        InputError: it has a sequence encoder.
    """
    if exposure.encoder is not None:
        raise InputError(
            "this exposure model has a sequence encoder (retrieval.model = sequence), which no "
            "artifact holds; export with --scores-only, or serve it with `recsys serve`"
        )
    numbers = {name: torch.from_numpy(array) for name, array in exposure.to_numbers().items()}
    params = exposure.params
    return ExposureWeights(numbers, params.candidates, params.like_weight)


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
