"""The model of an exported artifact, in plain torch.

The artifact holds a copy of this file, so it imports torch and other copies. The interactions give
the numbers of those in `recsys.models.interactions`, which need TorchRec and can be trained.

Shapes: B batch, F sparse features, d dense features, D embedding dimension, R rows of an embedding
table, N values of B bags, P pairs of the F + 1 vectors, I outputs of the interaction.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import torch
from torch import Tensor
from torch.nn import functional

from recsys.dataloader.jagged import Bags
from recsys.serving.artifact.description import PRECISIONS, Description

# The data type and shape of a tensor.
Form = tuple[torch.dtype, tuple[int, ...]]
Weights = Mapping[str, Tensor]


class Network:
    """Computes predictions from the features of pairs.

    Args:
        weights: as `weight_forms` lists them.
    """

    def __init__(self, description: Description, weights: Weights) -> None:
        self.scale = description.scale
        self.tables = {
            feature.name: EmbeddingTable(
                weights, description.lookups[feature.name], description.pooling
            )
            for feature in description.sparse
        }
        self.single = {feature.name for feature in description.sparse if feature.kind == "value"}
        self.bottom = read_layers(weights, "bottom", len(description.bottom) + 1)
        # The bottom MLP of an FM or a logistic regression is one linear layer.
        self.bottom_is_linear = description.is_linear
        self.interaction = Interaction(description, weights)
        self.top = read_layers(weights, "top", len(description.top) + 1)

    def __call__(self, dense: Tensor, sparse: Mapping[str, Bags]) -> Tensor:
        """
        Args:
            dense: [B, d]
            sparse: the B bags of each sparse feature, by name.

        Returns:
            probabilities, or of a regression stars, [B]
        """
        embedded = mlp(dense, self.bottom)  # [B, D]
        vectors = [embedded if self.bottom_is_linear else embedded.relu()]
        for name, table in self.tables.items():
            bags = sparse[name]
            # The bags of such a feature have one value each, so there is nothing to pool.
            vectors.append(table.take(bags.values) if name in self.single else table.pool(bags))
        scores = mlp(self.interaction(vectors), self.top).squeeze(1).sigmoid()
        if self.scale is None:
            return scores
        lowest, highest = self.scale
        return lowest + scores * (highest - lowest)


class EmbeddingTable:
    """An embedding table of any precision.

    A row is D floats, D halves or D codes of a byte. A code stands for scale * code + bias, where
    scale and bias are the row's own halves: FBGEMM's int8 rows.
    """

    def __init__(self, weights: Weights, name: str, pooling: str) -> None:
        self.rows = weights[f"embeddings.{name}.rows"]  # [R, D]
        self.ranges = weights.get(f"embeddings.{name}.ranges")  # [R, 2]
        self.pooling = pooling

    def take(self, values: Tensor) -> Tensor:
        """The vectors of these rows, [N, D].

        Args:
            values: [N]
        """
        rows = self.rows.index_select(0, values).float()
        if self.ranges is None:
            return rows
        scale, bias = self.ranges.index_select(0, values).float().split(1, dim=1)  # [N, 1] each
        return torch.addcmul(bias, rows, scale)

    def pool(self, bags: Bags) -> Tensor:
        """The sum or mean of each bag's vectors, 0 for an empty bag, [B, D]."""
        return functional.embedding_bag(
            torch.arange(len(bags.values)),
            self.take(bags.values),
            functional.pad(bags.lengths.cumsum(0), (1, 0)),
            mode=self.pooling,
            include_last_offset=True,
        )


class Interaction:
    """Combines the F + 1 vectors of a row, as the description's kind says."""

    def __init__(self, description: Description, weights: Weights) -> None:
        self.kind = description.kind
        vectors = len(description.sparse) + 1
        pairs = list(combinations(range(vectors), 2))
        # The places of the pairs in the matrix of all dot products.
        self.places = torch.tensor([left * vectors + right for left, right in pairs]).long()
        self.crosses = [
            tuple(weights[f"cross.{layer}.{part}"] for part in ("down", "up", "bias"))
            for layer in range(description.cross_layers)
        ]
        self.deep = read_layers(weights, "deep", 1 if description.deep else 0)

    def __call__(self, vectors: list[Tensor]) -> Tensor:
        """
        Args:
            vectors: the dense one and those of the sparse features, F + 1 times [B, D]

        Returns:
            [B, I]
        """
        if self.kind == "dlrm":
            return torch.cat([vectors[0], self.dot_products(vectors)], dim=1)
        flat = torch.cat(vectors, dim=1)
        if self.kind == "dcn":
            return self.cross(flat)
        if self.kind == "lr":
            return flat
        parts = [flat, self.dot_products(vectors).sum(1, keepdim=True)]
        if self.kind == "deepfm":
            parts.append(mlp(flat, self.deep).relu())
        return torch.cat(parts, dim=1)

    def dot_products(self, vectors: list[Tensor]) -> Tensor:
        """The dot products of all pairs of vectors, [B, P]."""
        stacked = torch.stack(vectors, dim=1)
        products = torch.bmm(stacked, stacked.transpose(1, 2))
        return products.flatten(1).index_select(1, self.places)

    def cross(self, flat: Tensor) -> Tensor:
        """The crosses of DCN V2, of low rank, [B, (F + 1) * D]."""
        crossed = flat
        for down, up, bias in self.crosses:
            crossed = flat * functional.linear(functional.linear(crossed, down), up, bias) + crossed
        return crossed


def mlp(inputs: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Linear layers with ReLU between them."""
    *hidden, last = layers
    for weight, bias in hidden:
        inputs = functional.linear(inputs, weight, bias).relu_()
    return functional.linear(inputs, *last)


def read_layers(weights: Weights, name: str, count: int) -> list[tuple[Tensor, Tensor]]:
    """The weights and biases of the linear layers `<name>.0`, `<name>.1` and so on."""
    return [
        (weights[f"{name}.{layer}.weight"], weights[f"{name}.{layer}.bias"])
        for layer in range(count)
    ]


def forms_of(tensors: Mapping[str, Tensor]) -> dict[str, Form]:
    """The form of every tensor."""
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}


def weight_forms(description: Description) -> dict[str, Form]:
    """The form of every weight of a model, by the weight's name."""
    dimension, flat = description.dimension, description.flat
    forms: dict[str, Form] = {}
    for name, rows in description.embeddings.items():
        forms[f"embeddings.{name}.rows"] = PRECISIONS[description.precision], (rows, dimension)
        if description.precision == "int8":
            forms[f"embeddings.{name}.ranges"] = torch.float16, (rows, 2)
    for layer in range(description.cross_layers):
        rank = description.cross_rank
        shapes = {"down": (rank, flat), "up": (flat, rank), "bias": (flat,)}
        forms |= {f"cross.{layer}.{part}": (torch.float32, s) for part, s in shapes.items()}
    forms |= _layer_forms("deep", [flat, description.deep] if description.deep else [])
    forms |= _layer_forms("bottom", [len(description.dense), *description.bottom, dimension])
    return forms | _layer_forms("top", [description.interactions, *description.top, 1])


def _layer_forms(name: str, widths: Sequence[int]) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        forms[f"{name}.{layer}.weight"] = torch.float32, (outputs, inputs)
        forms[f"{name}.{layer}.bias"] = torch.float32, (outputs,)
    return forms
