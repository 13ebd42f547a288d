"""DLRM: Deep Learning Recommendation Model (Naumov et al. 2019, https://arxiv.org/abs/1906.00091).

Shapes: B batch, F sparse features, D embedding dimension.
"""

from collections.abc import Mapping
from functools import partial
from itertools import combinations

import torch
from torch import Tensor, nn
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.models.dlrm import DLRM, DenseArch
from torchrec.modules.embedding_configs import EmbeddingBagConfig, PoolingType

from recsys.lookup import FusedSparseArch, TableBatchedSparseArch
from recsys.params import ModelParams


class DLRMRecommender(nn.Module):
    """TorchRec's DLRM with dropout in the top MLP, and made fast on a CPU.

    Its parts are TorchRec's or compute the same; benchmarks/speed.py measures what each is worth.

    Args:
        vocabulary_sizes: rows of each sparse feature's embedding table, by feature.
        dense_features: how many numbers describe a row besides.
        params: sizes, pooling, dropout and initialisation.
    """

    def __init__(
        self, vocabulary_sizes: Mapping[str, int], dense_features: int, params: ModelParams
    ) -> None:
        super().__init__()
        dimension = params.embedding_dimension
        collection = EmbeddingBagCollection(
            [
                EmbeddingBagConfig(
                    name=feature,
                    feature_names=[feature],
                    num_embeddings=size,
                    embedding_dim=dimension,
                    pooling=PoolingType[params.pooling.upper()],
                    init_fn=partial(nn.init.normal_, std=params.embedding_std),
                )
                for feature, size in vocabulary_sizes.items()
            ]
        )
        self.dlrm = DLRM(
            collection,
            dense_in_features=dense_features,
            dense_arch_layer_sizes=[*params.bottom_layers, dimension],
            over_arch_layer_sizes=[*params.top_layers, 1],
        )
        self.dlrm.sparse_arch = TableBatchedSparseArch(collection)
        if dense_features == 1:
            self.dlrm.dense_arch = DistinctDenseArch(1, [*params.bottom_layers, dimension])
        features = len(vocabulary_sizes)
        self.dlrm.inter_arch = Interaction()
        interactions = dimension + features * (features + 1) // 2
        self.dlrm.over_arch = top_mlp(interactions, params.top_layers, params.dropout)

    def fuse_embeddings(self, learning_rate: float) -> FusedSparseArch:
        """From now on, the tables learn by row-wise Adagrad as gradients reach them."""
        collection = self.dlrm.sparse_arch.embedding_bag_collection
        fused = FusedSparseArch(collection, learning_rate)
        self.dlrm.sparse_arch = fused
        return fused

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


class DistinctDenseArch(DenseArch):
    """TorchRec's `DenseArch` for one dense feature, computed once for each of its values.

    A batch of thousands has a few genders, and the bottom MLP is a third of the matrix products.
    """

    def forward(self, features: Tensor) -> Tensor:
        """
        Args:
            features: [B, 1]

        Returns:
            [B, D]
        """
        values, rows = torch.unique(features, return_inverse=True)
        embedded: Tensor = self.model(values.unsqueeze(-1))
        return embedded.index_select(0, rows.squeeze(-1))


class Interaction(nn.Module):
    """Dot products of all pairs of the F + 1 vectors, behind the dense one.

    The same numbers in the same order as TorchRec's `InteractionArch`, whose `bmm` of B tiny
    matrices takes half of a training step on a CPU.
    """

    def forward(self, dense_features: Tensor, sparse_features: Tensor) -> Tensor:
        """
        Args:
            dense_features: [B, D]
            sparse_features: [B, F, D]

        Returns:
            [B, D + F + F choose 2]
        """
        # Slices would each fill a whole gradient with zeros on the way back; unbind does not.
        vectors = [dense_features, *sparse_features.unbind(1)]
        products = [
            (left * right).sum(-1, keepdim=True) for left, right in combinations(vectors, 2)
        ]
        return torch.cat([dense_features, *products], dim=1)


def top_mlp(inputs: int, widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Hidden layers of these widths with ReLU and dropout, then one logit."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))
