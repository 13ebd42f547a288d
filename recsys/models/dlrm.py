"""DLRM: Deep Learning Recommendation Model (Naumov et al. 2019, https://arxiv.org/abs/1906.00091).

The four parts have TorchRec's names. The sparse arch looks up and pools embeddings. The dense arch,
a bottom MLP, embeds the dense features. The interaction arch combines the vectors of a row. The
over arch, a top MLP, turns them into one logit.

Shapes: B batch, F sparse features, D embedding dimension, P pairs of the F + 1 vectors, I outputs
of the interaction arch, V unique values of the dense feature, W width of the first top layer.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchrec import KeyedJaggedTensor
from torchrec.models.dlrm import DenseArch

from recsys.models.embeddings import (
    DenseSparseArch,
    FusedSparseArch,
    SharedTables,
    UnboundSparseArch,
    make_tables,
)
from recsys.models.interactions import dot_products, make_interaction
from recsys.models.params import ModelParams


class DLRM(nn.Module):
    """The forward pass of TorchRec's `DLRM`, over parts that the caller chooses."""

    def __init__(
        self,
        sparse_arch: UnboundSparseArch,
        dense_arch: nn.Module,
        inter_arch: nn.Module,
        over_arch: nn.Module,
    ) -> None:
        super().__init__()
        self.sparse_arch = sparse_arch
        self.dense_arch = dense_arch
        self.inter_arch = inter_arch
        self.over_arch = over_arch

    def forward(self, dense_features: Tensor, sparse_features: KeyedJaggedTensor) -> Tensor:
        """
        Args:
            dense_features: [B, number of dense features]
            sparse_features: F features of B bags each

        Returns:
            logits, [B, 1]
        """
        embedded_dense = self.dense_arch(dense_features)  # [B, D]
        embedded_sparse = self.sparse_arch(sparse_features)  # F times [B, D]
        interactions = self.inter_arch(embedded_dense, embedded_sparse)  # [B, I]
        logits: Tensor = self.over_arch(interactions)
        return logits


class UniqueDenseDLRM(DLRM):
    """A DLRM that computes its dense side once for each unique value of its only dense feature.

    A batch of thousands of rows has two or three genders. They alone determine the bottom MLP and
    most of the top MLP's first layer, which is more than half of the model's matrix products.
    `DLRM` computes the same logits from the same parts, row by row.
    """

    over_arch: "OverArch"

    def forward(self, dense_features: Tensor, sparse_features: KeyedJaggedTensor) -> Tensor:
        """
        Args:
            dense_features: [B, 1]
            sparse_features: F features of B bags each

        Returns:
            logits, [B, 1]
        """
        if dense_features.is_cuda:
            # A GPU adds the gradients of all rows to two or three vectors one after another, if
            # it must add them in the same order each time. That takes longer than it saves.
            return super().forward(dense_features, sparse_features)
        values, rows = torch.unique(dense_features.squeeze(-1), return_inverse=True)  # [V], [B]
        embedded_dense = self.dense_arch(values.unsqueeze(-1))  # [V, D]
        embedded_sparse = self.sparse_arch(sparse_features)  # F times [B, D]
        products = dot_products(embedded_dense.index_select(0, rows), embedded_sparse)  # [B, P]
        # The first top layer is linear, so its dense columns multiply each unique vector once.
        first, *others = self.over_arch
        assert isinstance(first, nn.Linear)
        dense_weight, product_weight = first.weight.tensor_split([embedded_dense.shape[1]], dim=1)
        from_dense = functional.linear(embedded_dense, dense_weight, first.bias)  # [V, W]
        hidden = torch.addmm(from_dense.index_select(0, rows), products, product_weight.t())
        logits: Tensor = nn.Sequential(*others)(hidden)  # hidden: [B, W]
        return logits


class OverArch(nn.Sequential):
    """The top MLP: hidden layers of these widths with ReLU and dropout, then one logit.

    Args:
        in_features: I
    """

    def __init__(self, in_features: int, widths: tuple[int, ...], dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(in_features, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            in_features = width
        super().__init__(*layers, nn.Linear(in_features, 1))


class DLRMRecommender(nn.Module):
    """The model that `params` describes: a DLRM, or its parts with another interaction.

    The parts are fast on a CPU; benchmarks/speed.py measures what each is worth. Tests compare the
    logits, gradients and losses with those of TorchRec's own DLRM.

    Args:
        vocabulary_sizes: for each sparse feature, the number of rows of its embedding table.
            Features that share a table stand side by side.
        dense_features: the number of dense features.
        params: the kind of interaction, sizes, pooling, dropout and initialisation.
        folder: for files that the tables are mapped from; None keeps them in memory.
        shared: for each feature without a table of its own, the feature whose table it looks up.
    """

    def __init__(
        self,
        vocabulary_sizes: Mapping[str, int],
        dense_features: int,
        params: ModelParams,
        folder: Path | None = None,
        shared: SharedTables = MappingProxyType({}),
    ) -> None:
        super().__init__()
        features, dimension = len(vocabulary_sizes), params.embedding_dimension
        # A factorization machine and a logistic regression have no hidden layers.
        linear = params.kind in ("fm", "lr")
        unique = params.kind == "dlrm" and dense_features == 1
        sparse_arch = DenseSparseArch(make_tables(vocabulary_sizes, params, folder, shared))
        inter_arch, interactions = make_interaction(features, params)
        dense_arch = (
            nn.Linear(dense_features, dimension)
            if linear
            else DenseArch(dense_features, [*params.bottom_layers, dimension])
        )
        # A seed must give the first weights of the recorded runs, so the order of draws matters. In
        # those runs, TorchRec's DLRM drew its dense and over arch first. Our over arch and some
        # dense archs came after them. The first over arch here only advances the generator.
        OverArch(dimension + features * (features + 1) // 2, params.top_layers)
        over_arch = OverArch(interactions, () if linear else params.top_layers, params.dropout)
        if linear or unique:
            reset_linear_layers(dense_arch)
        dlrm = UniqueDenseDLRM if unique else DLRM
        self.dlrm = dlrm(sparse_arch, dense_arch, inter_arch, over_arch)

    def fuse_embeddings(self, learning_rate: float) -> None:
        """Let the tables learn by row-wise Adagrad in the backward pass from now on.

        Call this when training begins, with the model on the device of the training: FBGEMM's
        kernel moves the weights to memory of its own.
        """
        collection = self.dlrm.sparse_arch.embedding_bag_collection
        self.dlrm.sparse_arch = FusedSparseArch(collection, learning_rate)

    def forward(self, dense: Tensor, sparse: KeyedJaggedTensor) -> Tensor:
        """
        Args:
            dense: [B, dense_features]
            sparse: F features of B bags each

        Returns:
            logits, [B]
        """
        logits: Tensor = self.dlrm(dense, sparse)
        return logits.squeeze(-1)


def reset_linear_layers(module: nn.Module) -> None:
    """Draw new weights for all linear layers of a module, in their order."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
