"""The network behind the embedding tables: from pooled vectors and dense features to logits.

Training puts TorchRec's tables in front of it, serving and exported artifacts plain ones. Every
artifact holds a copy of this file, so it imports torch and other copies.

DLRM is Naumov et al. 2019 (https://arxiv.org/abs/1906.00091). The parts have TorchRec's names. The
dense arch, a bottom MLP, embeds the dense features. The interaction arch combines the vectors of a
row. The over arch, a top MLP, turns them into a logit for each threshold of the rating. Tests
compare logits and gradients with TorchRec's own modules.

Shapes: B batch, T thresholds, F sparse features, d dense features, D embedding dimension, V rows of
dense features (B of them, or fewer where they repeat), P pairs of the F + 1 vectors, I outputs of
the interaction, W width of the first layer of the over arch.
"""

import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys.models.description import Architecture

# The dense vector, then a vector for each sparse feature: F + 1 times [B, D].
Vectors = Sequence[Tensor]


class Network(nn.Module):
    """A DLRM, or another kind of interaction, without its embedding tables.

    Args:
        sparse_features: F
        dense_features: d
        thresholds: T
    """

    def __init__(
        self,
        architecture: Architecture,
        sparse_features: int,
        dense_features: int,
        thresholds: int = 1,
    ) -> None:
        super().__init__()
        kind, dimension = architecture.kind, architecture.embedding_dimension
        # A factorization machine and a logistic regression have no hidden layers.
        is_linear = kind in ("fm", "lr")
        bottom = () if is_linear else architecture.bottom_layers
        self.dense_arch = make_mlp((dense_features, *bottom, dimension))
        if not is_linear:
            self.dense_arch.append(nn.ReLU())
        self.inter_arch, width = make_interaction(architecture, sparse_features + 1)
        # The crosses mix the dense vector with the others. Elsewhere the over arch takes it as it
        # is, in its first columns.
        self.dense_columns = 0 if kind == "dcn" else dimension
        top = () if is_linear else architecture.top_layers
        self.over_arch = make_mlp(
            (self.dense_columns + width, *top, thresholds), architecture.dropout
        )

    def forward(
        self, dense: Tensor, pooled: Sequence[Tensor], dense_index: Tensor | None = None
    ) -> Tensor:
        """
        Args:
            dense: [V, d]
            pooled: the pooled vectors of the sparse features, F times [B, D]
            dense_index: for each row of the batch, its row in `dense`, [B]; None if they are the
                same rows. So the network computes repeated dense features once (RecD, Zhao et al.
                2023, https://arxiv.org/abs/2211.05239).

        Returns:
            logits, [B, T]
        """
        embedded: Tensor = self.dense_arch(dense)  # [V, D]
        vector = embedded if dense_index is None else embedded.index_select(0, dense_index)
        interactions = self.inter_arch([vector, *pooled])  # [B, I]
        # The first layer is linear, so its dense columns multiply each row of `dense` once.
        first, *others = self.over_arch
        assert isinstance(first, nn.Linear)
        dense_weight, weight = first.weight.split([self.dense_columns, interactions.shape[1]], 1)
        from_dense = functional.linear(embedded[:, : self.dense_columns], dense_weight, first.bias)
        if dense_index is not None:
            from_dense = from_dense.index_select(0, dense_index)
        hidden = torch.addmm(from_dense, interactions, weight.t())  # [B, W]
        logits: Tensor = nn.Sequential(*others)(hidden)
        return logits


def make_mlp(widths: Sequence[int], dropout: float | None = None) -> nn.Sequential:
    """Linear layers from the first width to the last, with ReLU and dropout between them.

    Args:
        dropout: None for no such layers.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        if layers:
            layers.append(nn.ReLU(inplace=True))
            if dropout is not None:
                layers.append(nn.Dropout(dropout))
        layers.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*layers)


def make_interaction(architecture: Architecture, vectors: int) -> tuple[nn.Module, int]:
    """The module of the architecture's kind, and I, the number of its outputs for each row.

    Args:
        vectors: F + 1
    """
    dimension = architecture.embedding_dimension
    flat, pooled = vectors * dimension, (vectors - 1) * dimension
    if architecture.kind == "dcn":
        return CrossInteraction(flat, architecture.cross_layers, architecture.cross_rank), flat
    if architecture.kind == "deepfm":
        deep = architecture.top_layers[0]
        return FactorizationInteraction(flat, deep), pooled + 1 + deep
    if architecture.kind == "fm":
        return FactorizationInteraction(), pooled + 1
    if architecture.kind == "lr":
        return Concatenation(), pooled
    return DotInteraction(), math.comb(vectors, 2)


class DotInteraction(nn.Module):
    """DLRM: the dot products of all pairs of vectors, in TorchRec's order.

    TorchRec computes them by `bmm` of B tiny matrices, which takes half of a training step on a
    CPU.
    """

    def forward(self, vectors: Vectors) -> Tensor:
        """Returns: [B, P]"""
        products: Tensor = DotProducts.apply(*vectors)
        return products.t()


class DotProducts(torch.autograd.Function):
    """Dot products with a backward pass of their own.

    The gradient of a vector is the sum of the other vectors, each times the gradient of its
    product. This one adds the terms up in place, where autograd would store each of them first.
    """

    @staticmethod
    def forward(ctx: Any, *vectors: Tensor) -> Tensor:
        """
        Args:
            vectors: each [B, D]

        Returns:
            [P, B]
        """
        ctx.save_for_backward(*vectors)
        return torch.stack([(left * right).sum(-1) for left, right in combinations(vectors, 2)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """
        Args:
            gradient: [P, B]

        Returns:
            for each vector [B, D]
        """
        gradients: dict[int, Tensor] = {}
        pairs = combinations(enumerate(ctx.saved_tensors), 2)
        for weight, pair in zip(gradient.unsqueeze(-1), pairs, strict=True):
            for (place, _), (_, other) in (pair, pair[::-1]):
                if place in gradients:
                    gradients[place].addcmul_(other, weight)
                else:
                    gradients[place] = other * weight
        return tuple(gradients[place] for place in range(len(gradients)))


class FactorizationInteraction(nn.Module):
    """The sparse vectors, the sum of all pairs' dot products, and optionally a deep part.

    Rendle 2010, "Factorization Machines"; with a deep part, Guo et al. 2017, "DeepFM"
    (https://arxiv.org/abs/1703.04247). TorchRec's `FactorizationMachine` is another model: it
    multiplies all numbers of the vectors with each other.

    Args:
        flat: (F + 1) * D
        deep: the width of the deep part; 0 for none.
    """

    def __init__(self, flat: int = 0, deep: int = 0) -> None:
        super().__init__()
        self.deep = nn.Sequential(nn.Linear(flat, deep), nn.ReLU()) if deep else None

    def forward(self, vectors: Vectors) -> Tensor:
        """Returns: [B, F * D + 1 + deep]"""
        parts = [*vectors[1:], DotProducts.apply(*vectors).sum(0).unsqueeze(-1)]
        if self.deep is not None:
            parts.append(self.deep(torch.cat(list(vectors), dim=1)))
        return torch.cat(parts, dim=1)


class CrossInteraction(nn.Module):
    """All vectors, crossed with themselves: DCN V2 (Wang et al. 2021).

    https://arxiv.org/abs/2008.13535, with matrices of low rank, as TorchRec's `LowRankCrossNet`.

    Args:
        flat: (F + 1) * D
        layers: the number of crosses.
        rank: of their matrices.
    """

    def __init__(self, flat: int, layers: int, rank: int) -> None:
        super().__init__()
        self.down = nn.ParameterList(make_matrix(rank, flat) for _ in range(layers))
        self.up = nn.ParameterList(make_matrix(flat, rank) for _ in range(layers))
        self.bias = nn.ParameterList(torch.zeros(flat) for _ in range(layers))

    def forward(self, vectors: Vectors) -> Tensor:
        """Returns: [B, (F + 1) * D]"""
        flat = crossed = torch.cat(list(vectors), dim=1)
        for down, up, bias in zip(self.down, self.up, self.bias, strict=True):
            crossed = flat * functional.linear(functional.linear(crossed, down), up, bias) + crossed
        return crossed


def make_matrix(outputs: int, inputs: int) -> Tensor:
    return nn.init.xavier_normal_(torch.empty(outputs, inputs))


class Concatenation(nn.Module):
    """The sparse vectors, without any interaction."""

    def forward(self, vectors: Vectors) -> Tensor:
        """Returns: [B, F * D]"""
        return torch.cat(list(vectors[1:]), dim=1)
