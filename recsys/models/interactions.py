"""How the vectors of a row meet: what makes a DLRM a DLRM, a DCN a DCN, ...

Shapes: B batch, F sparse features, D embedding dimension.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torchrec.modules.crossnet import LowRankCrossNet
from torchrec.modules.deepfm import DeepFM

from recsys.models.params import ModelParams

# Of the F sparse features, each [B, D].
Vectors = Sequence[Tensor]


class Interaction(nn.Module):
    """Dot products of all pairs of the F + 1 vectors, behind the dense one (DLRM).

    The same numbers in the same order as TorchRec's `InteractionArch`, whose `bmm` of B tiny
    matrices takes half of a training step on a CPU.
    """

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Args:
            dense_features: [B, D]

        Returns:
            [B, D + F + F choose 2]
        """
        products = DotProducts.apply(dense_features, *sparse_features)
        return torch.cat([dense_features, products.t()], dim=1)


class DotProducts(torch.autograd.Function):
    """Of all pairs of vectors, in TorchRec's order.

    The gradient of a vector is the sum of the others, each times its product's. autograd would
    write these terms down one by one and add them up after.
    """

    @staticmethod
    def forward(ctx: Any, *vectors: Tensor) -> Tensor:
        """
        Args:
            vectors: each [B, D]

        Returns:
            [pairs, B]
        """
        ctx.save_for_backward(*vectors)
        return torch.stack([(left * right).sum(-1) for left, right in combinations(vectors, 2)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
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
    """The vectors end to end, the sum of the dot products of all pairs, and a deep part of it all.

    Rendle 2010, "Factorization Machines"; with `deep`, Guo et al. 2017, "DeepFM"
    (https://arxiv.org/abs/1703.04247). The deep part is TorchRec's. Its `FactorizationMachine` is
    not: that multiplies all numbers of the vectors with each other, not the vectors.
    """

    def __init__(self, vectors: int, dimension: int, deep: int | None = None) -> None:
        super().__init__()
        inputs = vectors * dimension
        self.deep = (
            DeepFM(nn.Sequential(nn.Linear(inputs, deep), nn.ReLU())) if deep is not None else None
        )

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Returns:
            [B, (F + 1) * D + 1 + deep]
        """
        vectors = [dense_features, *sparse_features]
        parts = [*vectors, DotProducts.apply(*vectors).sum(0).unsqueeze(-1)]
        if self.deep is not None:
            parts.append(self.deep(vectors))
        return torch.cat(parts, dim=1)


class CrossInteraction(nn.Module):
    """The vectors end to end, crossed with themselves (DCN V2).

    TorchRec's `InteractionDCNArch`, which cannot do without any row: a process may have none of a
    small last batch.
    """

    def __init__(self, crossnet: nn.Module) -> None:
        super().__init__()
        self.crossnet = crossnet

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Returns:
            [B, (F + 1) * D]
        """
        vectors = torch.cat([dense_features, *sparse_features], dim=1)
        crossed: Tensor = self.crossnet(vectors)
        return crossed


class Concatenation(nn.Module):
    """The vectors end to end, which do not meet."""

    def forward(self, dense_features: Tensor, sparse_features: Vectors) -> Tensor:
        """
        Returns:
            [B, (F + 1) * D]
        """
        return torch.cat([dense_features, *sparse_features], dim=1)


def make_interaction(features: int, params: ModelParams) -> tuple[nn.Module, int]:
    """`model.kind` of params.yaml as a module, and how many numbers come out of it.

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
    return Interaction(), dimension + features * (features + 1) // 2
