"""DLRM: Deep Learning Recommendation Model (Naumov et al. 2019, https://arxiv.org/abs/1906.00091).

Shapes: B batch, F sparse features, D embedding dimension.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchrec import EmbeddingBagCollection, KeyedJaggedTensor
from torchrec.models.dlrm import DLRM
from torchrec.modules.embedding_configs import EmbeddingBagConfig, PoolingType

from recsys.models.distinct import DistinctDenseArch, DistinctInteraction, DistinctTop
from recsys.models.embeddings import DenseSparseArch, FusedSparseArch
from recsys.models.interactions import make_interaction
from recsys.models.params import ModelParams
from recsys.storage.mapped import mapped_array

# The table of a feature that has none of its own.
SHARED_TABLES = {"liked": "movieid", "disliked": "movieid"}


class DLRMRecommender(nn.Module):
    """TorchRec's DLRM with dropout in the top MLP, and made fast on a CPU.

    Its parts are TorchRec's or compute the same; benchmarks/speed.py measures what each is worth.
    `params.kind` puts another interaction in the place of DLRM's.

    Args:
        vocabulary_sizes: for each sparse feature the rows of its embedding table, the features of
            one table side by side.
        dense_features: how many numbers describe a row besides.
        params: sizes, pooling, dropout and initialisation.
        folder: where the tables are mapped from, if they may be larger than memory.
    """

    def __init__(
        self,
        vocabulary_sizes: Mapping[str, int],
        dense_features: int,
        params: ModelParams,
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        dimension = params.embedding_dimension
        collection = make_tables(vocabulary_sizes, params, folder)
        interaction, interactions = make_interaction(len(vocabulary_sizes), params)
        # Straight lines for the models that know no others.
        linear = params.kind in ("fm", "lr")
        bottom = [*(() if linear else params.bottom_layers), dimension]
        self.dlrm = DLRM(
            collection,
            dense_in_features=dense_features,
            dense_arch_layer_sizes=bottom,
            over_arch_layer_sizes=[*params.top_layers, 1],
        )
        self.dlrm.sparse_arch = DenseSparseArch(collection)
        self.dlrm.inter_arch = interaction
        top = top_layers(interactions, () if linear else params.top_layers, params.dropout)
        self.dlrm.over_arch = nn.Sequential(*top)
        if linear:
            self.dlrm.dense_arch = nn.Linear(dense_features, dimension)
        elif dense_features == 1 and params.kind == "dlrm":
            self.dlrm.dense_arch = DistinctDenseArch(1, bottom)
            self.dlrm.inter_arch = DistinctInteraction()
            self.dlrm.over_arch = DistinctTop(*top)

    def fuse_embeddings(self, learning_rate: float) -> None:
        """From now on, the tables learn by row-wise Adagrad as gradients reach them."""
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


def make_tables(
    vocabulary_sizes: Mapping[str, int], params: ModelParams, folder: Path | None
) -> EmbeddingBagCollection:
    """An embedding table for each feature, or for several that look up the same things."""
    features: dict[str, list[str]] = {}
    for feature in vocabulary_sizes:
        features.setdefault(SHARED_TABLES.get(feature, feature), []).append(feature)
    tables = [
        EmbeddingBagConfig(
            name=table,
            feature_names=names,
            num_embeddings=vocabulary_sizes[names[0]],
            embedding_dim=params.embedding_dimension,
            pooling=PoolingType[params.pooling.upper()],
            init_fn=partial(nn.init.normal_, std=params.embedding_std),
        )
        for table, names in features.items()
    ]
    if folder is None:
        return EmbeddingBagCollection(tables)
    collection = EmbeddingBagCollection(tables, device=torch.device("meta"))
    bags = collection.embedding_bags
    for table in tables:
        shape = table.num_embeddings, table.embedding_dim
        weight = torch.from_numpy(mapped_array(shape, np.float32, folder))
        bags[table.name].weight = nn.Parameter(weight)
    # Twice, as TorchRec draws them: so these are the weights that there are without a folder.
    for bag in bags.values():
        bag.reset_parameters()
    for table in tables:
        table.init_fn(bags[table.name].weight)
    return collection


def top_layers(inputs: int, widths: tuple[int, ...], dropout: float) -> list[nn.Module]:
    """Hidden layers of these widths with ReLU and dropout, then one logit."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        inputs = width
    return [*layers, nn.Linear(inputs, 1)]
