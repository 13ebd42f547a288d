"""The data files of an exported artifact, which are checked before they are used.

`model.json` describes the model and holds the SHA-256 of the other files. Its second line is
the SHA-256 of all its other lines. The numbers are in safetensors files. So reading an artifact
unpickles nothing and runs no code from its data files.

The artifact holds a copy of this file, so it imports torch, safetensors and other copies.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch
from safetensors.torch import load, save
from torch import Tensor

from recsys.dataloader.pairs import TableName
from recsys.features.fitted import Fitted
from recsys.serving.artifact.description import Description
from recsys.serving.artifact.ids import Ids
from recsys.serving.artifact.network import Form, forms_of, weight_forms
from recsys.serving.artifact.retrieval_weights import RetrievalWeights

FORMAT = 3
DESCRIPTION, WEIGHTS, TABLES = "model.json", "model.safetensors", "tables.safetensors"
RETRIEVAL = "retrieval.safetensors"
CHANGED = "not the file that was exported"
MISFIT = "its tensors have other names or sizes than in model.json"
DIGEST = re.compile(rb'\n  "sha256": "([0-9a-f]{64})",')


class Artifact(NamedTuple):
    """An exported model.

    Attributes:
        weights: under the names of `network.weight_forms`.
        ids: the published ids of the tables `users` and `movies`.
        features: the tensors of `Pairs`. Behind the rows of users and movies that have ids, there
            is a row for unknown ones.
        movie_index: the model's index of each movie and of an unknown one, int32, [M + 1]
        fitted: what computed features need; None for a model without.
        retrieval: None for an artifact that scores and does not recommend.
    """

    description: Description
    weights: dict[str, Tensor]
    ids: dict[str, Ids]
    features: dict[str, Tensor]
    movie_index: Tensor
    fitted: Fitted | None
    retrieval: RetrievalWeights | None


def write_artifact(artifact: Artifact, folder: Path) -> None:
    """Write the data files; the same artifact gives the same bytes."""
    tables = {f"features.{name}": tensor for name, tensor in artifact.features.items()}
    for table, ids in artifact.ids.items():
        tables |= ids.to_tensors(f"ids.{table}")
    tables["movie_index"] = artifact.movie_index
    plain = None
    if artifact.fitted is not None:
        plain, arrays = artifact.fitted.to_parts()
        tables |= {f"fitted.{name}": torch.from_numpy(array) for name, array in arrays.items()}
    files = {WEIGHTS: save(artifact.weights), TABLES: save(tables)}
    if artifact.retrieval is not None:
        files[RETRIEVAL] = save(artifact.retrieval.numbers)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    digests = {name: digest(data) for name, data in files.items()}
    content = {
        "format": FORMAT,
        "files": digests,
        "model": artifact.description.to_json(),
        "fitted": plain,
        "retrieval": artifact.retrieval and artifact.retrieval.to_json(),
    }
    text = (json.dumps(content, indent=2) + "\n").encode()
    signed = b'{\n  "sha256": "%b",' % digest(text).encode() + text[1:]
    (folder / DESCRIPTION).write_bytes(signed)


def read_artifact(folder: Path) -> Artifact:
    """Read the data files.

    Raises:
        ValueError: a file is missing, or is not the one that was written with the others. The
            message is one line that names the file and the remedy.
    """
    with refuse(folder / DESCRIPTION):
        content = read_description(folder / DESCRIPTION)
        require(content.get("format") == FORMAT, f"its format is not {FORMAT}")
        digests = content["files"]
        description = Description.from_json(content["model"])
        retrieval_content = content["retrieval"]
    with refuse(folder / WEIGHTS):
        weights = read_tensors(folder / WEIGHTS, digests[WEIGHTS])
        require(forms_of(weights) == weight_forms(description), MISFIT)
    with refuse(folder / TABLES):
        tables = read_tensors(folder / TABLES, digests[TABLES])
        ids = {table: Ids.from_tensors(f"ids.{table}", tables) for table in get_args(TableName)}
        features = with_prefix("features.", tables)
        check_features(features, description, ids)
        numbers = {n: tensor.numpy() for n, tensor in with_prefix("fitted.", tables).items()}
        fitted = Fitted.from_parts(content["fitted"], numbers) if content["fitted"] else None
        check_fitted(fitted, tables["movie_index"], description, len(ids["movies"]))
    retrieval = None
    if retrieval_content is not None:
        with refuse(folder / RETRIEVAL):
            tensors = read_tensors(folder / RETRIEVAL, digests[RETRIEVAL])
            retrieval = RetrievalWeights.from_parts(retrieval_content, tensors, len(ids["movies"]))
    return Artifact(description, weights, ids, features, tables["movie_index"], fitted, retrieval)


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, under their names without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


@contextmanager
def refuse(path: Path) -> Iterator[None]:
    """Turn whatever a bad file raises into a `ValueError` with the file and the remedy."""
    try:
        yield
    # A file that was made to harm, with the right digest, may raise anything.
    except Exception as error:
        reason = "its content is none that an export writes"
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
        elif isinstance(error, ValueError):
            reason = str(error)
        raise ValueError(f"{path}: {reason}; run `recsys export` again") from error


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_description(path: Path) -> Any:
    """The content of `model.json`.

    Raises:
        OSError: the file cannot be read.
        ValueError: its digest is that of another text.
    """
    text = path.read_bytes()
    # The digest stands behind the first brace.
    found = DIGEST.match(text, 1)
    unsigned = text[:1] + text[found.end() :] if found else b""
    require(found is not None and found[1].decode() == digest(unsigned), CHANGED)
    return json.loads(unsigned)


def read_tensors(path: Path, expected: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    A file mapped into memory could change after the check, so its bytes are read once.

    Args:
        expected: the file's digest.

    Raises:
        OSError: the file cannot be read.
        ValueError: its digest is another one.
    """
    data = path.read_bytes()
    require(digest(data) == expected, CHANGED)
    return load(data)


def check_features(
    features: dict[str, Tensor], description: Description, ids: dict[str, Ids]
) -> None:
    """Check that the features of users and movies fit the ids and the model.

    Raises:
        ValueError: they do not.
        LookupError: a tensor is missing.
    """
    forms: dict[str, Form] = {}
    stored = [feature for feature in description.features if feature.table != "ratings"]
    for name, table, kind in stored:
        count = len(ids[table]) + 1
        if kind == "list":
            lengths = features[f"{name}.lengths"]
            require(bool((lengths >= 0).all()), f"{name} has a negative length")
            forms[f"{name}.lengths"] = torch.int32, (count,)
            count = int(lengths.sum())
        forms[f"{name}.values"] = torch.float32 if kind == "dense" else torch.int32, (count,)
    require(forms_of(features) == forms, MISFIT)
    for name in (feature.name for feature in stored if feature.kind != "dense"):
        values = features[f"{name}.values"]
        within = (values >= 0) & (values < description.embeddings[description.lookups[name]])
        require(bool(within.all()), f"{name} has a value outside of its embedding table")


def check_fitted(
    fitted: Fitted | None, movie_index: Tensor, description: Description, movies: int
) -> None:
    """Check that what computed features need is there and fits the movies and the model.

    Args:
        movies: M

    Raises:
        ValueError: it does not.
    """
    computed = {feature.name for feature in description.features if feature.table == "ratings"}
    columns = {*fitted.histories, *fitted.standardisation} if fitted else set()
    require(computed == columns, "its computed features are not those of the model")
    require(forms_of({"": movie_index}) == {"": (torch.int32, (movies + 1,))}, MISFIT)
    tables = (description.lookups[name] for name in (fitted.histories if fitted else ()))
    rows = min((description.embeddings[table] for table in tables), default=movies + 1)
    require(bool(((movie_index >= 0) & (movie_index < rows)).all()), "a movie has no embedding")
    if fitted is not None:
        sizes = {len(array) for array in fitted.to_parts()[1].values()}
        require(sizes == {movies + 1}, MISFIT)
