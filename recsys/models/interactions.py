"""How the vectors of a row interact; `model.kind` of params.yaml chooses one of these modules.

Shapes: B batch, F sparse features, D embedding dimension, P pairs of the F + 1 vectors.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torchrec.modules.crossnet import LowRankCrossNet
from torchrec.modules.deepfm import DeepFM

from recsys.models.params import ModelParams

# One tensor a sparse feature: F times [B, D].
Vectors = Sequence[Tensor]


class InteractionArch(nn.Module):
    """DLRM: the dense vector, then the dot products of all pairs of the F + 1 vectors.

    TorchRec's `InteractionArch` gives the same numbers in the same order. Its `bmm` of B tiny
    matrices takes half of a training step on a CPU.
    """

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Args:
            dense_features: [B, D]
            sparse_features: F times [B, D]

        Returns:
            [B, D + P]
        """
        return torch.cat([dense_features, dot_products(dense_features, sparse_features)], dim=1)


def dot_products(dense_features: Tensor, sparse_features: Vectors) -> Tensor:
    """The dot products of all pairs of vectors, in TorchRec's order.

    Args:
        dense_features: [B, D]
        sparse_features: F times [B, D]

    Returns:
        [B, P]
    """
    products: Tensor = DotProducts.apply(dense_features, *sparse_features)
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
    """The concatenated vectors, the sum of all pairs' dot products, and optionally a deep part.

    Rendle 2010, "Factorization Machines"; with a deep part, Guo et al. 2017, "DeepFM"
    (https://arxiv.org/abs/1703.04247). TorchRec's `DeepFM` is that deep part. Its
    `FactorizationMachine` is not used: it multiplies all numbers of the vectors with each other.

    Args:
        vectors: F + 1
        dimension: D
        deep: the width of the deep part; None for no deep part.
    """

    def __init__(self, vectors: int, dimension: int, deep: int | None = None) -> None:
        super().__init__()
        inputs = vectors * dimension
        self.deep = (
            DeepFM(nn.Sequential(nn.Linear(inputs, deep), nn.ReLU())) if deep is not None else None
        )

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Args:
            dense_features: [B, D]
            sparse_features: F times [B, D]

        Returns:
            [B, (F + 1) * D + 1 + deep]
        """
        vectors = [dense_features, *sparse_features]
        parts = [*vectors, DotProducts.apply(*vectors).sum(0).unsqueeze(-1)]
        if self.deep is not None:
            parts.append(self.deep(vectors))
        return torch.cat(parts, dim=1)


class CrossInteraction(nn.Module):
    """The concatenated vectors, crossed with themselves (DCN V2).

    TorchRec's `InteractionDCNArch` fails on an empty batch. When several processes train, one of
    them may have no rows of a small last batch.
    """

    def __init__(self, crossnet: nn.Module) -> None:
        super().__init__()
        self.crossnet = crossnet

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Args:
            dense_features: [B, D]
            sparse_features: F times [B, D]

        Returns:
            [B, (F + 1) * D]
        """
        vectors = torch.cat([dense_features, *sparse_features], dim=1)
        crossed: Tensor = self.crossnet(vectors)
        return crossed


class Concatenation(nn.Module):
    """The concatenated vectors, without any interaction."""

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Args:
            dense_features: [B, D]
            sparse_features: F times [B, D]

        Returns:
            [B, (F + 1) * D]
        """
        return torch.cat([dense_features, *sparse_features], dim=1)


def make_interaction(features: int, params: ModelParams) -> tuple[nn.Module, int]:
    """The module of `params.kind`, and the number of its outputs for each row.

    Args:
        features: F
    """
    dimension = params.embedding_dimension
    flat = (features + 1) * dimension
    if params.kind == "dcn":
        # DCN V2: Wang et al. 2021, https://arxiv.org/abs/2008.13535.
        crosses = LowRankCrossNet(flat, params.cross_layers, params.cross_rank)
        return CrossInteraction(crosses), flat
    if params.kind == "deepfm":
        deep = params.top_layers[0]
        return FactorizationInteraction(features + 1, dimension, deep), flat + 1 + deep
    if params.kind == "fm":
        return FactorizationInteraction(features + 1, dimension), flat + 1
    if params.kind == "lr":
        return Concatenation(), flat
    return InteractionArch(), dimension + features * (features + 1) // 2
