"""Checkpoints: folders with a trained model and everything that scoring with it needs.

`model.json` holds the SHA-256 of the other files and, in its last line, of its own other lines. So
what was changed after training is refused.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.models.params import ModelParams
from recsys.storage.dimensions import Dimensions
from recsys.storage.json_files import parse_json
from recsys.storage.lineage import Lineage, require_same_run
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
# Limits of the header of the weights, which names each tensor, and of an error message.
MOST_HEADER_BYTES, MOST_CHARACTERS = 2**20, 300


class Description(BaseModel):
    """The content of `model.json`.

    Attributes:
        task: determines what the logit means.
        architecture: the model section of params.yaml.
        features: the model's features, in the order of the registry.
        embedding_rows: the number of rows of each sparse feature's embedding table.
        dense_features: the names of the dense features, in the order of their columns.
        lineage: digests of the users and movies, the split and the fitted features.
        files: the SHA-256 of each other file; `save_checkpoint` fills it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["classification", "regression"]
    architecture: ModelParams
    features: tuple[Feature, ...]
    embedding_rows: dict[str, int]
    dense_features: tuple[str, ...]
    lineage: Lineage
    files: dict[str, str] = {}

    @property
    def sparse_features(self) -> tuple[Feature, ...]:
        return tuple(feature for feature in self.features if feature.kind != "dense")

    def build(self, folder: Path | None = None, device: str = "cpu") -> "DLRMRecommender":
        """Build the model with random weights.

        Args:
            folder: for files that the embedding tables are mapped from; None keeps them in memory.
            device: where the layers are made; on "meta" they have no weights and take no memory.
        """
        # TorchRec is slow to import, and who scores does not need it. While it is imported it
        # computes, which it cannot on "meta".
        from recsys.models.dlrm import DLRMRecommender

        shared = {f.name: f.embedding_table for f in self.features if f.embedding_table}
        with torch.device(device):
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
        with _as_os_errors():
            save_file(weights, partial / WEIGHTS)
        dimensions.save(partial / TABLES, partial / COUNTS)
        files = digest_files(partial, FILES)
        text = description.model_copy(update={"files": files}).model_dump_json(indent=2)
        (partial / DESCRIPTION).write_text(seal(text))
        # safetensors makes a file that only its owner can read.
        (partial / WEIGHTS).chmod((partial / DESCRIPTION).stat().st_mode)


def load_checkpoint(folder: Path) -> "tuple[DLRMRecommender, Description, Dimensions]":
    """Rebuild a model from its folder alone; runs no code from the files.

    Raises:
        InputError: as `read_checkpoint`, or the weights do not fit the description.
    """
    weights, description, dimensions = read_checkpoint(folder)
    # So the layers take no memory, whatever their sizes; those of the tables were compared with the
    # weights. Then the layers take the tensors that the file has.
    model = description.build(device="meta")
    try:
        model.load_state_dict(weights, assign=True)
    except (RuntimeError, ValueError) as error:
        raise not_a_checkpoint(folder, error) from error
    return model, description, dimensions


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], Description, Dimensions]:
    """Read a checkpoint without building the model, which needs TorchRec.

    Raises:
        InputError: a file is missing, damaged or edited, or the tables belong to another run.
    """
    description = load_description(folder)
    dimensions = Dimensions.load(folder / TABLES, folder / COUNTS)
    require_same_run(folder / DESCRIPTION, description.lineage, folder / TABLES, dimensions.lineage)
    try:
        _check_description(description, dimensions)
        weights = _load_weights(folder / WEIGHTS)
        _check_tables(description, weights)
        # Last, because the other checks say more about what is wrong.
        check_files(folder, FILES, description.files)
    except (OSError, SafetensorError, ValueError) as error:
        raise not_a_checkpoint(folder, error) from error
    return weights, description, dimensions


def load_description(folder: Path) -> Description:
    """Read `model.json`.

    Raises:
        InputError: it is missing, damaged or edited.
    """
    try:
        text = unseal((folder / DESCRIPTION).read_bytes().decode())
        return parse_json(text, TypeAdapter(Description))
    except (OSError, ValueError) as error:
        raise not_a_checkpoint(folder, ValueError(f"{DESCRIPTION}: {error}")) from error


def _check_description(description: Description, dimensions: Dimensions) -> None:
    """Compare a description with the users and movies that it was saved with.

    Raises:
        ValueError: it names other features, sizes or digests.
    """
    names = tuple(feature.name for feature in description.features)
    if description.features != select_features(names, dimensions.vocabulary.features):
        raise ValueError(f"{DESCRIPTION}: the features are not those of the users and movies")
    rows = {f.name: dimensions.count_embeddings(f.lookup) for f in description.sparse_features}
    # The order counts too.
    if list(description.embedding_rows.items()) != list(rows.items()):
        raise ValueError(f"{DESCRIPTION}: embedding_rows must be {json.dumps(rows)}")
    dense = tuple(f for f in description.features if f.kind == "dense")
    stored = tuple(f.name for f in dense if f.table != "ratings")
    found = description.dense_features
    if found[: len(stored)] != stored or (len(found) > len(stored)) != (len(dense) > len(stored)):
        raise ValueError(f"{DESCRIPTION}: dense_features must begin with {', '.join(stored)}")
    lineage = description.lineage
    if replace(lineage, fitted=None) != dimensions.lineage:
        raise ValueError(f"{DESCRIPTION}: lineage must have the values of {dimensions.lineage}")
    if lineage.fitted is None and any(f.table == "ratings" for f in description.features):
        raise ValueError(f"{DESCRIPTION}: lineage.fitted is missing")


def _load_weights(path: Path) -> dict[str, Tensor]:
    """Read the weights.

    Raises:
        ValueError: the header is too long, or a tensor is not of finite 32-bit floats.
    """
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > MOST_HEADER_BYTES:
        raise ValueError(f"{WEIGHTS}: a header of {header:,} bytes")
    # Copies: the tensors that safetensors reads stay parts of the file.
    weights = {name: weight.clone() for name, weight in load_file(path).items()}
    for name, weight in weights.items():
        if weight.dtype != torch.float32:
            raise ValueError(f"{WEIGHTS}: {show(name)} is {weight.dtype}, not torch.float32")
        if not weight.isfinite().all():
            raise ValueError(f"{WEIGHTS}: {show(name)} has numbers that are not finite")
    return weights


def _check_tables(description: Description, weights: dict[str, Tensor]) -> None:
    """Raises: ValueError: the embedding tables would have more numbers than all weights."""
    tables = {f.lookup: description.embedding_rows[f.name] for f in description.sparse_features}
    needed = sum(tables.values()) * description.architecture.embedding_dimension
    there = sum(weight.numel() for weight in weights.values())
    if needed > there:
        raise ValueError(
            f"{DESCRIPTION} describes embedding tables of {needed:,} numbers, {WEIGHTS} has "
            f"{there:,}"
        )


def not_a_checkpoint(folder: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    if len(reason) > MOST_CHARACTERS:
        reason = f"{reason[:MOST_CHARACTERS]} ..."
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
