"""A trained model as a folder: weights and all that is needed to rebuild and feed it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from recsys.common.atomic import replacing
from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.models.dlrm import DLRMRecommender
from recsys.models.params import ModelParams
from recsys.storage.registry import FeatureParams

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"


class Description(BaseModel):
    """What `model.json` says.

    Attributes:
        task: what the logit means.
        architecture: the model section of params.yaml.
        features: the features section of params.yaml.
        vocabulary_sizes: rows of each sparse feature's embedding table, in the order of the keys.
        dense_features: names, in the order of the columns.
        rating_scale: the ratings that users could give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["classification", "regression"]
    architecture: ModelParams
    features: FeatureParams
    vocabulary_sizes: dict[str, int]
    dense_features: tuple[str, ...]
    rating_scale: RatingScale

    def build(self, folder: Path | None = None) -> DLRMRecommender:
        """The model with weights drawn anew, the tables mapped from a folder if there is one."""
        return DLRMRecommender(
            self.vocabulary_sizes, len(self.dense_features), self.architecture, folder
        )


def save_checkpoint(weights: dict[str, Tensor], description: Description, folder: Path) -> None:
    """Write the weights of a whole model by their names, with its description."""
    with replacing(folder) as partial:
        partial.mkdir()
        save_file(weights, partial / WEIGHTS)
        (partial / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n")


def load_checkpoint(folder: Path) -> tuple[DLRMRecommender, Description]:
    """Rebuild a model from its folder alone; nothing is unpickled.

    Raises:
        InputError: a file is missing or damaged, or the weights are of another architecture.
    """
    try:
        description = Description.model_validate_json((folder / DESCRIPTION).read_bytes())
        model = description.build()
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder} is no checkpoint ({reason}); run `dvc repro train`") from error
    return model, description
