"""Checkpoints: folders with a trained model and everything that scoring with it needs."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.models.dlrm import DLRMRecommender
from recsys.models.params import ModelParams
from recsys.storage.dimensions import Dimensions
from recsys.storage.origin import Origin, require_same_run
from recsys.storage.registry import Feature

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
# Folders of the users and movies, and of their numbers of training ratings.
TABLES, COUNTS = "tables", "counts"


class Description(BaseModel):
    """The content of `model.json`.

    Attributes:
        task: determines what the logit means.
        architecture: the model section of params.yaml.
        features: the model's features, in the order of the registry.
        embedding_rows: the number of rows of each sparse feature's embedding table.
        dense_features: the names of the dense features, in the order of their columns.
        origin: digests of the users and movies, the split and the fitted features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["classification", "regression"]
    architecture: ModelParams
    features: tuple[Feature, ...]
    embedding_rows: dict[str, int]
    dense_features: tuple[str, ...]
    origin: Origin

    def build(self, folder: Path | None = None) -> DLRMRecommender:
        """Build the model with random weights.

        Args:
            folder: for files that the embedding tables are mapped from; None keeps them in memory.
        """
        shared = {f.name: f.embedding_table for f in self.features if f.embedding_table}
        return DLRMRecommender(
            self.embedding_rows, len(self.dense_features), self.architecture, folder, shared
        )


def save_checkpoint(
    weights: dict[str, Tensor], description: Description, dimensions: Dimensions, folder: Path
) -> None:
    """Write a model and its users and movies.

    Args:
        weights: of the whole model, by name.
    """
    with atomic_write(folder) as partial:
        partial.mkdir()
        save_file(weights, partial / WEIGHTS)
        (partial / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n")
        dimensions.save(partial / TABLES, partial / COUNTS)


def load_checkpoint(folder: Path) -> tuple[DLRMRecommender, Description, Dimensions]:
    """Rebuild a model from its folder alone; runs no code from the files.

    Raises:
        InputError: a file is missing or damaged, the weights do not fit the architecture, or the
            tables belong to another run.
    """
    description = load_description(folder)
    dimensions = Dimensions.load(folder / TABLES, folder / COUNTS)
    require_same_run(folder / DESCRIPTION, description.origin, folder / TABLES, dimensions.origin)
    try:
        model = description.build()
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _not_a_checkpoint(folder, error) from error
    return model, description, dimensions


def load_description(folder: Path) -> Description:
    """Read `model.json`.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return Description.model_validate_json((folder / DESCRIPTION).read_bytes())
    except (OSError, ValidationError) as error:
        raise _not_a_checkpoint(folder, error) from error


def _not_a_checkpoint(folder: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(f"{folder} is no checkpoint ({reason}); run `dvc repro train`")
