"""The plain description of an exported model: everything but its numbers.

The artifact holds a copy of this file, so it imports torch and other copies.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

import torch

from recsys.dataloader.pairs import FeatureKind, Kind, Source

KINDS = ("dlrm", "dcn", "deepfm", "fm", "lr")
# The numbers of an embedding table's rows.
PRECISIONS = {"int8": torch.uint8, "fp16": torch.float16, "fp32": torch.float32}
POOLINGS = ("mean", "sum")
# The largest width of a layer that params.yaml may ask for, and the most rows of a table.
MOST_WIDTH, MOST_ROWS = 65536, 2**31 - 1


@dataclass(frozen=True)
class Description:
    """What rebuilding a model takes beside its weights.

    Attributes:
        kind: of the interaction, `model.kind` of params.yaml.
        precision: of the embedding tables.
        pooling: of a bag's vectors, "mean" or "sum".
        scale: the lowest and the highest stars of a regression; None for a classification.
        dimension: D, the numbers of an embedding.
        bottom, top: the widths of the hidden layers of both MLPs.
        deep: the width of DeepFM's deep part, else 0.
        cross_layers, cross_rank: the crosses of DCN V2 and the rank of their matrices, else 0.
        embeddings: the number of rows of each embedding table, by the table's name.
        lookups: for each sparse feature, the name of its embedding table.
        features: the sparse and the dense features, each in the model's order.
    """

    kind: str
    precision: str
    pooling: str
    scale: tuple[float, float] | None
    dimension: int
    bottom: tuple[int, ...]
    top: tuple[int, ...]
    deep: int
    cross_layers: int
    cross_rank: int
    embeddings: Mapping[str, int]
    lookups: Mapping[str, str]
    features: tuple[FeatureKind, ...]

    @property
    def sparse(self) -> list[FeatureKind]:
        return [feature for feature in self.features if feature.kind != "dense"]

    @property
    def dense(self) -> list[FeatureKind]:
        return [feature for feature in self.features if feature.kind == "dense"]

    @property
    def is_linear(self) -> bool:
        """Whether the bottom MLP ends without an activation."""
        return self.kind in ("fm", "lr")

    @property
    def flat(self) -> int:
        """The numbers of the dense vector and the sparse features' vectors together."""
        return (len(self.sparse) + 1) * self.dimension

    @property
    def interactions(self) -> int:
        """The number of outputs of the interaction."""
        if self.kind == "dlrm":
            return self.dimension + math.comb(len(self.sparse) + 1, 2)
        # A product of an FM is a single number: the sum over all pairs.
        products = self.kind in ("fm", "deepfm")
        return self.flat + products + self.deep

    def to_json(self) -> dict[str, Any]:
        """The description as objects, lists, strings and numbers of JSON."""
        features = [feature._asdict() for feature in self.features]
        return asdict(self) | {"features": features}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Description":
        """The description that `to_json` gave.

        Raises:
            ValueError: a key is missing or unknown, or a value is none that `export` writes.
        """
        names = [field.name for field in fields(cls)]
        if sorted(content) != sorted(names):
            raise ValueError(f"its keys are not {', '.join(names)}")
        for name, value in content.items():
            if not CHECKS[name](value):
                raise ValueError(f"its {name} has a value that no export writes")
        scale = content["scale"]
        description = cls(
            **content
            | {name: tuple(content[name]) for name in ("bottom", "top")}
            | {"scale": scale and tuple(scale)}
            | {"features": tuple(FeatureKind(**feature) for feature in content["features"])}
        )
        sparse = {feature.name for feature in description.sparse}
        if description.lookups.keys() != sparse:
            raise ValueError("its lookups are not those of its sparse features")
        if not set(description.lookups.values()) <= description.embeddings.keys():
            raise ValueError("its lookups are in embedding tables that it does not list")
        return description


def _is_size(value: object, most: int = MOST_WIDTH) -> bool:
    # A bool is an int, and `isinstance` would let it pass.
    return type(value) is int and 0 <= value <= most


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_size, value))


def _are_tables(value: object) -> bool:
    return isinstance(value, dict) and all(_is_size(rows, MOST_ROWS) for rows in value.values())


def _are_lookups(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for name in value.values())


def _is_scale(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(number) is float and math.isfinite(number) for number in value)
    )


def _are_features(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_feature, value))


def _is_feature(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == set(FeatureKind._fields)
        and isinstance(value["name"], str)
        and value["table"] in get_args(Source)
        and value["kind"] in get_args(Kind)
    )


CHECKS: dict[str, Callable[[object], bool]] = {
    "kind": KINDS.__contains__,
    "precision": PRECISIONS.__contains__,
    "pooling": POOLINGS.__contains__,
    "scale": _is_scale,
    "dimension": _is_size,
    "bottom": _are_sizes,
    "top": _are_sizes,
    "deep": _is_size,
    "cross_layers": _is_size,
    "cross_rank": _is_size,
    "embeddings": _are_tables,
    "lookups": _are_lookups,
    "features": _are_features,
}
