"""Exports a checkpoint for serving: quantised embedding tables and a graph of the whole model.

Shapes: B pairs, F sparse features, D embedding dimension, N values of all their bags.
"""

import copy
import shutil
from pathlib import Path
from typing import Any

import torch
from fbgemm_gpu.split_table_batched_embeddings_ops_inference import (
    IntNBitTableBatchedEmbeddingBagsCodegen,
)
from torch import Tensor, nn
from torch.ao.quantization import PlaceholderObserver
from torchrec import EmbeddingBagCollection
from torchrec.modules.embedding_configs import QuantConfig
from torchrec.quant.embedding_modules import EmbeddingBagCollection as QuantisedCollection
from torchrec.quant.embedding_modules import (
    quant_prep_customize_row_alignment,
    quant_prep_enable_register_tbes,
)

from recsys.common.atomic import atomic_write
from recsys.common.rating_scale import RatingScale
from recsys.models.dlrm import DLRMRecommender
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.scorer import MODEL, TABLES

PACKAGE = Path(__file__).parents[1]
# The standalone scorer and the modules that it imports. Every artifact holds copies of them.
MODULES = ("recsys.serving.scorer", "recsys.dataloader.pairs", "recsys.dataloader.jagged")
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.qint8}


def export(scorer: PairScorer, precision: str, folder: Path) -> None:
    """Write everything that `recsys.serving.scorer.Scorer` needs to a folder, its modules included.

    Args:
        precision: of the embedding tables, one of `PRECISIONS`; the MLPs stay fp32.
    """
    rating_scale = scorer.dimensions.vocabulary.rating_scale
    scale = rating_scale if scorer.description.task == "regression" else None
    program = trace(Servable(scorer.model, PRECISIONS[precision], scale), scorer)
    ids = {"userids": scorer.userids, "movieids": scorer.movieids}
    with atomic_write(folder) as partial:
        partial.mkdir()
        torch.export.save(program, partial / MODEL)
        torch.save(ids | scorer.pairs.to_tensors(), partial / TABLES)
        for module in MODULES:
            copy_module(module, partial)


def copy_module(name: str, folder: Path) -> None:
    """Copy a module of this project into a folder, below packages with an empty `__init__.py`."""
    target = folder / Path(*name.split(".")).with_suffix(".py")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PACKAGE.parent / target.relative_to(folder), target)
    for package in target.relative_to(folder).parents[:-1]:
        (folder / package / "__init__.py").touch()


class Servable(nn.Module):
    """The parts of a model with quantised embeddings; computes predictions from features.

    The parts compute row by row, as `DLRM` does. An exported graph cannot depend on the number of
    unique values that a dense feature has in a batch.

    Args:
        model: is not changed.
        dtype: of the quantised embedding tables.
        scale: the rating scale of a regression; None for a classification.
    """

    def __init__(
        self, model: DLRMRecommender, dtype: torch.dtype, scale: RatingScale | None
    ) -> None:
        super().__init__()
        dlrm = model.dlrm
        self.lookup = QuantisedLookup(dlrm.sparse_arch.embedding_bag_collection, dtype)
        self.dense_arch, self.inter_arch = dlrm.dense_arch, dlrm.inter_arch
        self.over_arch = dlrm.over_arch
        self.shape = (-1, dlrm.sparse_arch.F, dlrm.sparse_arch.D)
        self.scale = scale

    def forward(self, dense: Tensor, values: Tensor, lengths: Tensor) -> Tensor:
        """
        Args:
            dense: [B, number of dense features]
            values: of the sparse features, feature after feature, [N]
            lengths: the number of values that each pair has of each feature, [F, B]

        Returns:
            probabilities, or of a regression stars, [B]
        """
        pooled = self.lookup(values, lengths.flatten()).view(self.shape).unbind(1)
        logits = self.over_arch(self.inter_arch(self.dense_arch(dense), pooled)).squeeze(-1)
        scores = torch.sigmoid(logits)
        if self.scale is None:
            return scores
        return self.scale.lowest + scores * (self.scale.highest - self.scale.lowest)


class QuantisedLookup(nn.Module):
    """TorchRec's quantised `EmbeddingBagCollection`, reduced to a call of its kernel.

    The collection itself holds counters of FBGEMM that `torch.export` cannot trace. A row of the
    weights is D bytes with a scale and a bias (int8), D halves (fp16) or D floats (fp32).
    """

    def __init__(self, collection: EmbeddingBagCollection, dtype: torch.dtype) -> None:
        super().__init__()
        kernel = quantise(collection, dtype)
        self.register_buffer("weights", kernel.weights_host)
        self.register_buffer("nowhere", kernel.weights_uvm)
        for name in ("weights_placements", "weights_offsets", "weights_tys", "D_offsets"):
            self.register_buffer(name, getattr(kernel, name))
        self.layout: dict[str, Any] = {
            "total_D": kernel.total_D,
            "max_int2_D": kernel.max_int2_D,
            "max_int4_D": kernel.max_int4_D,
            "max_int8_D": kernel.max_int8_D,
            "max_float16_D": kernel.max_float16_D,
            "max_float32_D": kernel.max_float32_D,
            "pooling_mode": int(kernel.pooling_mode),
            "output_dtype": kernel.output_dtype,
            "row_alignment": kernel.row_alignment,
            "indice_weights": None,
        }

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """
        Args:
            values: [N]
            lengths: the length of each bag, feature after feature, [F * B]

        Returns:
            [B, F * D]
        """
        pooled: Tensor = torch.ops.fbgemm.int_nbit_split_embedding_codegen_lookup_function(
            dev_weights=self.weights,
            uvm_weights=self.nowhere,
            weights_placements=self.weights_placements,
            weights_offsets=self.weights_offsets,
            weights_tys=self.weights_tys,
            D_offsets=self.D_offsets,
            indices=values,
            offsets=torch.ops.fbgemm.asynchronous_complete_cumsum(lengths).long(),
            **self.layout,
        )
        return pooled


def quantise(
    collection: EmbeddingBagCollection, dtype: torch.dtype
) -> IntNBitTableBatchedEmbeddingBagsCodegen:
    """Quantise the tables of a collection, and return the kernel that looks them up."""
    collection = copy.deepcopy(collection)
    quant_prep_enable_register_tbes(collection, [EmbeddingBagCollection])
    # By default, rows are padded to multiples of 16 bytes, which only GPUs need.
    quant_prep_customize_row_alignment(collection, [EmbeddingBagCollection], 1)
    # TorchRec's `quantize_embeddings` would set this too, but it calls deprecated parts of torch.
    collection.qconfig = QuantConfig(
        activation=PlaceholderObserver.with_args(dtype=torch.float32),
        weight=PlaceholderObserver.with_args(dtype=dtype),
    )
    # All tables have the same pooling, so they are in one kernel.
    (kernel,) = QuantisedCollection.from_float(collection).tbes
    return kernel


def trace(model: Servable, scorer: PairScorer) -> torch.export.ExportedProgram:
    """Export the graph, for any number of pairs and of values."""
    # The example needs several pairs: torch.export takes a size of one for a constant.
    rows = torch.arange(min(len(scorer.known_users), len(scorer.known_movies), 8))
    dynamic = torch.export.Dim.DYNAMIC
    return torch.export.export(
        model.eval(),
        scorer.pairs.inputs(rows, rows),
        dynamic_shapes=({0: dynamic}, {0: dynamic}, {1: dynamic}),
    )
