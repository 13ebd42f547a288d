"""A batch of ratings as model input.

Shapes: B rows, T thresholds, d dense features, V rows of dense features.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torchrec import KeyedJaggedTensor


class Batch(NamedTuple):
    """B ratings. Where rows of dense features repeat, they may be stored once (RecD).

    Zhao et al. 2023, "RecD: Deduplication for End-to-End Deep Learning Recommendation Model
    Training Infrastructure", https://arxiv.org/abs/2211.05239.

    Attributes:
        dense_features: [V, d]
        sparse_features: the features' bags, B lengths each.
        labels: for each threshold, 1 if the rating is above it, else 0, [B, T]
        dense_index: for each rating, its row in `dense_features`, [B]; None if V is B and rating i
            has row i.
    """

    dense_features: Tensor
    sparse_features: KeyedJaggedTensor
    labels: Tensor
    dense_index: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        batch = self if device.type == "cpu" else self.expand()
        dense, sparse, labels, index = batch
        return Batch(dense.to(device), sparse.to(device), labels.to(device), index)

    def expand(self) -> "Batch":
        """The batch with a row of dense features for each rating.

        This is for a GPU. In deterministic mode it adds the gradients of all ratings to the few
        unique rows one after another, which takes longer than the unique rows save.
        """
        if self.dense_index is None:
            return self
        dense = self.dense_features.index_select(0, self.dense_index)
        return Batch(dense, self.sparse_features, self.labels)
