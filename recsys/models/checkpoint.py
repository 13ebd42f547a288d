"""Checkpoints: folders with a trained model and everything that scoring with it needs.

`model.json` holds the SHA-256 of the other files and, in its last line, of its own other lines. So
what was changed after training is refused.
"""

import json
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.models.description import Description
from recsys.storage.dimensions import Dimensions
from recsys.storage.lineage import Lineage
from recsys.storage.registry import Feature, select_features
from recsys.storage.schemas import RAW_IDS
from recsys.storage.sealed import check_files, digest_files, seal, unseal

if TYPE_CHECKING:
    from recsys.models.dlrm import DLRMRecommender

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
# Folders of the users and movies, and of their numbers of training ratings.
TABLES, COUNTS = "tables", "counts"
# All files but the description.
FILES = (
    WEIGHTS,
    f"{TABLES}/vocabulary.json",
    *(f"{folder}/{name}.parquet" for folder in (TABLES, COUNTS) for name in RAW_IDS),
)


class Checkpoint(NamedTuple):
    """A trained model with its users and movies.

    Attributes:
        lineage: digests of the users and movies, the split and the fitted features.
        weights: by their names in `DLRMRecommender` and `PairModel`.
    """

    description: Description
    lineage: Lineage
    dimensions: Dimensions
    weights: dict[str, Tensor]

    @property
    def features(self) -> tuple[Feature, ...]:
        """The model's features, in the order of the registry."""
        return select_features(self.description.features, self.dimensions.vocabulary.features)


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a model and its users and movies."""
    with atomic_write(folder) as partial:
        partial.mkdir()
        with _as_os_errors():
            save_file(checkpoint.weights, partial / WEIGHTS)
        checkpoint.dimensions.save(partial / TABLES, partial / COUNTS)
        content = {
            "model": asdict(checkpoint.description),
            "lineage": asdict(checkpoint.lineage),
            "files": digest_files(partial, FILES),
        }
        (partial / DESCRIPTION).write_text(seal(json.dumps(content, indent=2)))
        # safetensors makes a file that only its owner can read.
        (partial / WEIGHTS).chmod((partial / DESCRIPTION).stat().st_mode)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint without building the model, which needs TorchRec.

    Raises:
        InputError: a file is missing, damaged, edited or of another run.
    """
    try:
        content = json.loads(unseal((folder / DESCRIPTION).read_bytes().decode()))
    except (OSError, ValueError) as error:
        raise not_a_checkpoint(folder, ValueError(f"{DESCRIPTION}: {error}")) from error
    try:
        check_files(folder, FILES, content["files"])
        description = Description.from_json(content["model"])
        # Copies: the tensors that safetensors reads stay parts of the file.
        weights = {name: weight.clone() for name, weight in load_file(folder / WEIGHTS).items()}
        dimensions = Dimensions.load(folder / TABLES, folder / COUNTS)
        return Checkpoint(description, Lineage(**content["lineage"]), dimensions, weights)
    except (LookupError, TypeError) as error:
        other = ValueError(f"{DESCRIPTION}: of another version")
        raise not_a_checkpoint(folder, other) from error
    except (OSError, SafetensorError, ValueError) as error:
        raise not_a_checkpoint(folder, error) from error


def load_model(checkpoint: Checkpoint) -> "DLRMRecommender":
    """The trained model, with TorchRec's tables."""
    # On "meta" the layers take no memory. They take the tensors of the checkpoint.
    model = build_model(checkpoint.description, device="meta")
    model.load_state_dict(checkpoint.weights, assign=True)
    return model


def build_model(
    description: Description, folder: Path | None = None, device: str = "cpu"
) -> "DLRMRecommender":
    """Build a model with random weights.

    Args:
        folder: for files that the embedding tables are mapped from; None keeps them in memory.
        device: where the layers are made; on "meta" they have no weights and take no memory.
    """
    # TorchRec is slow to import, and scoring does not need it. While it is imported it computes,
    # which it cannot on "meta".
    from recsys.models.dlrm import DLRMRecommender

    with torch.device(device):
        return DLRMRecommender(
            description.embedding_rows,
            len(description.dense_features),
            description.architecture,
            description.tables,
            folder,
            len(description.heads.thresholds),
        )


def not_a_checkpoint(folder: Path, error: Exception) -> InputError:
    reason = textwrap.shorten(str(error), 300, placeholder=" ...")
    return InputError(
        f"{folder} is no checkpoint ({reason}); restore it with `dvc checkout`, or run "
        "`dvc repro train`"
    )


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Raise an error of the operating system, such as a full disk, as Python does."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
