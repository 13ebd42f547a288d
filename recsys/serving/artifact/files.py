"""The data files of an exported artifact, which are compared with their digests before use.

`model.json` describes the model, and holds the SHA-256 of the other files and its own. The numbers
are in safetensors files. So reading an artifact unpickles nothing and runs no code from its data
files.

The artifact holds a copy of this file, so it imports torch, safetensors and other copies.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor

from recsys.dataloader.pair_features import PairFeatures
from recsys.features.fitted import Fitted, with_prefix
from recsys.models.description import Description
from recsys.serving.artifact.retrieval_weights import RetrievalWeights
from recsys.storage.ids import Ids
from recsys.storage.sealed import CHANGED, seal, unseal

FORMAT = 5
DESCRIPTION, WEIGHTS, TABLES = "model.json", "model.safetensors", "tables.safetensors"
RETRIEVAL = "retrieval.safetensors"
# What a row of each table is, for messages.
NOUNS = {"users": "user", "movies": "movie"}


class Artifact(NamedTuple):
    """An exported model.

    Attributes:
        weights: by their names in `PairModel`.
        ids: the published ids of the tables `users` and `movies`.
        features: of users and movies. Behind the rows that have ids, there is one for unknown ids.
        movie_index: the model's index of each movie and of an unknown one, int32, [M + 1]
        fitted: what computed features need; None for a model without.
        retrieval: None for an artifact that scores and does not recommend.
    """

    description: Description
    weights: dict[str, Tensor]
    ids: dict[str, Ids]
    features: PairFeatures
    movie_index: Tensor
    fitted: Fitted | None
    retrieval: RetrievalWeights | None


def write_artifact(artifact: Artifact, folder: Path) -> None:
    """Write the data files; the same artifact gives the same bytes."""
    tables = {f"features.{n}": tensor for n, tensor in artifact.features.to_tensors().items()}
    tables["movie_index"] = artifact.movie_index
    arrays = {
        n: a for t, ids in artifact.ids.items() for n, a in ids.to_numbers(f"ids.{t}").items()
    }
    fitted = None
    if artifact.fitted is not None:
        fitted, of_movies = artifact.fitted.to_parts()
        arrays |= {f"fitted.{name}": array for name, array in of_movies.items()}
    tables |= {name: torch.from_numpy(array) for name, array in arrays.items()}
    files = {WEIGHTS: save(artifact.weights), TABLES: save(tables)}
    if artifact.retrieval is not None:
        files[RETRIEVAL] = save(artifact.retrieval.numbers)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    content = {
        "format": FORMAT,
        "model": asdict(artifact.description),
        "fitted": fitted,
        "retrieval": artifact.retrieval and artifact.retrieval.to_json(),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    (folder / DESCRIPTION).write_text(seal(json.dumps(content, indent=2)))


def read_artifact(folder: Path) -> Artifact:
    """Read the data files.

    Raises:
        ValueError: a file is missing or was changed. The message is one line with the file and
            the remedy.
    """
    try:
        content = json.loads(unseal((folder / DESCRIPTION).read_bytes().decode()))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
    except (OSError, ValueError, LookupError) as error:
        raise refusal(folder / DESCRIPTION, error) from error
    files = {name: read_tensors(folder / name, digest) for name, digest in content["files"].items()}
    tables, description = files[TABLES], Description.from_json(content["model"])
    arrays = {name: tensor.numpy() for name, tensor in tables.items()}
    return Artifact(
        description,
        files[WEIGHTS],
        {t: Ids.from_numbers(f"ids.{t}", arrays, noun) for t, noun in NOUNS.items()},
        PairFeatures.from_tensors(with_prefix("features.", tables), description.dense_features),
        tables["movie_index"],
        Fitted.from_parts(content["fitted"], with_prefix("fitted.", arrays))
        if content["fitted"]
        else None,
        RetrievalWeights(files[RETRIEVAL], **content["retrieval"]) if RETRIEVAL in files else None,
    )


def read_tensors(path: Path, digest: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file with a digest. Raises: ValueError, as `read_artifact`."""
    try:
        # A file mapped into memory could change after the check, so its bytes are read once.
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(CHANGED)
    except (OSError, ValueError) as error:
        raise refusal(path, error) from error
    return load(data)


def refusal(path: Path, error: Exception) -> ValueError:
    reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
    return ValueError(f"{path}: {reason}; run `recsys export` again")
