"""Exports a checkpoint as a folder that scores without this project."""

import re
from pathlib import Path

import torch

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.retrieval.model import RetrievalModel
from recsys.serving.artifact.files import Artifact, write_artifact
from recsys.serving.artifact.quantise import quantise_tables
from recsys.serving.artifact.retrieval_weights import RetrievalWeights
from recsys.serving.checkpoint_model import CheckpointModel

PROJECT = Path(__file__).parents[3]
# The standalone scorer and the modules that it imports. Every artifact holds copies of them.
MODULES = (
    "recsys.serving.artifact.scorer",
    "recsys.serving.artifact.files",
    "recsys.serving.artifact.retrieval_weights",
    "recsys.serving.pair_model",
    "recsys.serving.recommend.ranking",
    "recsys.models.answers",
    "recsys.models.description",
    "recsys.models.network",
    "recsys.models.plain_tables",
    "recsys.dataloader.pair_features",
    "recsys.dataloader.jagged",
    "recsys.features.fitted",
    "recsys.features.online",
    "recsys.features.statistics",
    "recsys.features.histories",
    "recsys.features.gaussian_process.posterior",
    "recsys.features.visibility",
    "recsys.storage.ids",
    "recsys.storage.sealed",
    "recsys.common.arrays",
    "recsys.common.errors",
)
# The folder of the copies in an artifact, and the __init__.py of the artifact.
CODE = "code"
INIT = f'''"""An exported model: `Scorer()` loads it."""

from .{CODE}.scorer import Rated, Recommended, Scorer

__all__ = ["Rated", "Recommended", "Scorer"]
'''
# An import of one of our modules, at the beginning of a line.
OUR_IMPORT = re.compile(r"^from recsys\.(?:\w+\.)*(\w+) import", re.MULTILINE)


def export(
    model: CheckpointModel, precision: str, folder: Path, retrieval: RetrievalModel | None = None
) -> None:
    """Write everything that the artifact's `Scorer` needs to a folder, its modules included.

    The folder is a Python package. Its modules import each other by relative names, so that two
    artifacts in one process run their own code.

    Args:
        precision: of the embedding tables, one of `PRECISIONS`; the network stays fp32.
        retrieval: of the same run; without it, the artifact scores and does not recommend.

    Raises:
        InputError: a weight is not a finite number, or is too large for the precision; or the
            retrieval model has a sequence encoder.
    """
    artifact = Artifact(
        model.description,
        quantise_tables(model.state_dict(), precision),
        model.dimensions.ids,
        model.pair_features,
        model.movie_index,
        model.online.fitted if model.online else None,
        None if retrieval is None else convert_retrieval_model(retrieval),
    )
    with atomic_write(folder) as partial:
        (partial / CODE).mkdir(parents=True)
        write_artifact(artifact, partial)
        (partial / "__init__.py").write_text(INIT)
        (partial / CODE / "__init__.py").touch()
        for module in MODULES:
            copy_module(module, partial / CODE)


def convert_retrieval_model(retrieval: RetrievalModel) -> RetrievalWeights:
    """The retrieval model in the form that an artifact holds.

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
    """Copy a module of this project into a folder, where the copies stand side by side."""
    source = PROJECT / Path(*name.split(".")).with_suffix(".py")
    text = OUR_IMPORT.sub(r"from .\1 import", source.read_text())
    (folder / source.name).write_text(text)
