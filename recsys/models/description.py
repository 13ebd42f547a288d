"""What is needed beside the weights to rebuild a model: the content of `model.json`.

Every exported artifact holds a copy of this file, so it imports the standard library alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """The layers of a model, as the section `model` of params.yaml describes them.

    Attributes:
        kind: of the interaction: dlrm, dcn, deepfm, fm or lr.
        embedding_dimension: D, the numbers of an embedding.
        pooling: of a bag's vectors, "mean" or "sum".
        embedding_std: the standard deviation of the first embeddings.
        bottom_layers, top_layers: the widths of the hidden layers of both MLPs.
        dropout: the fraction of hidden values that training sets to 0.
        cross_layers, cross_rank: the crosses of DCN V2 and the rank of their matrices.
    """

    kind: str
    embedding_dimension: int
    pooling: str
    embedding_std: float
    bottom_layers: tuple[int, ...]
    top_layers: tuple[int, ...]
    dropout: float
    cross_layers: int
    cross_rank: int


@dataclass(frozen=True)
class Heads:
    """What the logits of a row say: each, whether the rating is above one threshold.

    The threshold of the label is the model's answer. The others are learnt beside it, because they
    tell the model how far from the threshold a rating is.

    Attributes:
        thresholds: in stars, ascending; each lies between two ratings, [T]
        label: the position of the label's threshold.
        stars: the stars between the thresholds, ascending, [T + 1]; empty if the label's is the
            only threshold, which does not say how many stars are expected.
    """

    thresholds: tuple[float, ...]
    label: int = 0
    stars: tuple[float, ...] = ()


@dataclass(frozen=True)
class Description:
    """Everything about a model but its numbers.

    Attributes:
        heads: what the logits mean.
        architecture: the layers.
        features: the names of the features, in the order of the registry.
        tables: for each sparse feature, in the model's order, the name of its embedding table.
        embedding_rows: the number of rows of each embedding table, by the table's name.
        dense_features: the names of the dense columns, in their order.
    """

    heads: Heads
    architecture: Architecture
    features: tuple[str, ...]
    tables: Mapping[str, str]
    embedding_rows: Mapping[str, int]
    dense_features: tuple[str, ...]

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Description":
        """The inverse of `asdict`, from JSON. Raises: TypeError, LookupError: other keys."""
        heads = Heads(**_with_tuples(content["heads"]))
        architecture = Architecture(**_with_tuples(content["architecture"]))
        return cls(**_with_tuples(content) | {"heads": heads, "architecture": architecture})


def _with_tuples(content: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists only; in a description they are tuples."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in content.items()}
