"""The dense side of a DLRM whose only dense feature has few values: done once for each of them.

A batch of thousands has two or three genders. What depends on them alone is the bottom MLP and most
of the top MLP's first layer, together more than half of the model's matrix products. The three
parts here stand in for TorchRec's, have the same weights and compute the same numbers.

Shapes: B batch, V distinct values in it, F sparse features, D embedding dimension, P products.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchrec.models.dlrm import DenseArch

from recsys.models.interactions import DotProducts, Vectors


class Distinct(NamedTuple):
    """Vectors of the distinct values, [V, D], and which of them each row has, [B]."""

    vectors: Tensor
    rows: Tensor


class DistinctDenseArch(DenseArch):
    """The bottom MLP."""

    def forward(self, features: Tensor) -> Distinct:
        """
        Args:
            features: [B, 1]
        """
        values, rows = torch.unique(features, return_inverse=True)
        return Distinct(self.model(values.unsqueeze(-1)), rows.squeeze(-1))


class DistinctInteraction(nn.Module):
    """Dot products of all pairs of the F + 1 vectors, in the order of `Interaction`."""

    def forward(
        self, dense_features: Distinct, sparse_features: Vectors
    ) -> tuple[Distinct, Tensor]:
        """
        Returns:
            the dense vectors and the products, [B, P]
        """
        dense = dense_features.vectors.index_select(0, dense_features.rows)
        return dense_features, DotProducts.apply(dense, *sparse_features).t()


class DistinctTop(nn.Sequential):
    """The top MLP, whose first layer, linear from D + P numbers, multiplies each vector once."""

    def forward(self, interactions: tuple[Distinct, Tensor]) -> Tensor:
        """
        Returns:
            logits, [B, 1]
        """
        (vectors, rows), products = interactions
        first, *others = self
        assert isinstance(first, nn.Linear)
        dense_weight, product_weight = first.weight.tensor_split([vectors.shape[1]], dim=1)
        dense = functional.linear(vectors, dense_weight, first.bias).index_select(0, rows)
        hidden = torch.addmm(dense, products, product_weight.t())
        logits: Tensor = nn.Sequential(*others)(hidden)
        return logits
