"""Exports a checkpoint as a folder that scores without this project.

Shapes: R rows of an embedding table, D embedding dimension.
"""

import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.dataloader.pairs import TableName
from recsys.models.dlrm import DLRM
from recsys.models.interactions import CrossInteraction, FactorizationInteraction
from recsys.serving.artifact import Artifact, write_artifact
from recsys.serving.description import PRECISIONS, Description
from recsys.serving.ids import Ids
from recsys.serving.pair_scorer import PairScorer
from recsys.storage.dimensions import Dimensions

PACKAGE = Path(__file__).parents[1]
# The standalone scorer and the modules that it imports. Every artifact holds copies of them.
MODULES = (
    "recsys.serving.scorer",
    "recsys.serving.artifact",
    "recsys.serving.network",
    "recsys.serving.description",
    "recsys.serving.ids",
    "recsys.dataloader.pairs",
    "recsys.dataloader.jagged",
)


def export(scorer: PairScorer, precision: str, folder: Path) -> None:
    """Write everything that `recsys.serving.scorer.Scorer` needs to a folder, its modules included.

    Args:
        precision: of the embedding tables, one of `description.PRECISIONS`; the MLPs stay fp32.

    Raises:
        InputError: a weight is not a finite number, or is too large for the precision.
    """
    artifact = Artifact(
        describe(scorer, precision),
        read_weights(scorer.model.dlrm, precision),
        {table: read_ids(scorer.dimensions, table) for table in get_args(TableName)},
        scorer.pairs.to_tensors(),
    )
    with atomic_write(folder) as partial:
        partial.mkdir()
        write_artifact(artifact, partial)
        for module in MODULES:
            copy_module(module, partial)


def copy_module(name: str, folder: Path) -> None:
    """Copy a module of this project into a folder, below packages with an empty `__init__.py`."""
    target = folder / Path(*name.split(".")).with_suffix(".py")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PACKAGE.parent / target.relative_to(folder), target)
    for package in target.relative_to(folder).parents[:-1]:
        (folder / package / "__init__.py").touch()


def read_ids(dimensions: Dimensions, table: str) -> Ids:
    """The published ids of the users or movies."""
    ids = dimensions.raw_ids(table)
    if ids.dtype.kind in "iu":
        return Ids(torch.from_numpy(ids.astype(np.int64)))
    return Ids([str(text) for text in ids])


def describe(scorer: PairScorer, precision: str) -> Description:
    """The plain description of a model."""
    params, dlrm = scorer.description.architecture, scorer.model.dlrm
    scale = scorer.dimensions.vocabulary.rating_scale
    tables = dlrm.sparse_arch.embedding_bag_collection.embedding_bag_configs()
    crosses = params.kind == "dcn"
    return Description(
        kind=params.kind,
        precision=precision,
        pooling=params.pooling,
        scale=(
            (float(scale.lowest), float(scale.highest))
            if scorer.description.task == "regression"
            else None
        ),
        dimension=params.embedding_dimension,
        bottom=hidden_widths(dlrm.dense_arch),
        top=hidden_widths(dlrm.over_arch),
        deep=params.top_layers[0] if params.kind == "deepfm" else 0,
        cross_layers=params.cross_layers if crosses else 0,
        cross_rank=params.cross_rank if crosses else 0,
        embeddings={table.name: table.num_embeddings for table in tables},
        lookups={name: table.name for table in tables for name in table.feature_names},
        features=tuple(scorer.pairs.kinds()),
    )


def hidden_widths(mlp: nn.Module) -> tuple[int, ...]:
    *hidden, _ = linear_layers(mlp)
    return tuple(layer.out_features for layer in hidden)


def linear_layers(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def read_weights(dlrm: DLRM, precision: str) -> dict[str, Tensor]:
    """The weights of a model under the names of `network.weight_forms`.

    Raises:
        InputError: one is not a finite number, or is too large for the precision.
    """
    weights = {
        **layer_weights("bottom", dlrm.dense_arch),
        **layer_weights("top", dlrm.over_arch),
    }
    if isinstance(dlrm.inter_arch, CrossInteraction):
        crosses: Any = dlrm.inter_arch.crossnet
        parts = {"down": crosses.V_kernels, "up": crosses.W_kernels, "bias": crosses.bias}
        for part, layers in parts.items():
            weights |= {f"cross.{i}.{part}": layer.detach() for i, layer in enumerate(layers)}
    if isinstance(dlrm.inter_arch, FactorizationInteraction):
        weights |= layer_weights("deep", dlrm.inter_arch)
    for name, bag in dlrm.sparse_arch.embedding_bag_collection.embedding_bags.items():
        weights |= {
            f"embeddings.{name}.{part}": tensor
            for part, tensor in convert(bag.weight.detach(), precision).items()
        }
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise InputError(
                f"the exported weights {name} are not finite numbers; export with --precision "
                "fp32, which has larger numbers, or train again"
            )
    return weights


def layer_weights(name: str, module: nn.Module) -> dict[str, Tensor]:
    """The weights of the linear layers of a module, as `network.read_layers` reads them."""
    return {
        f"{name}.{i}.{part}": tensor.detach()
        for i, layer in enumerate(linear_layers(module))
        for part, tensor in (("weight", layer.weight), ("bias", layer.bias))
    }


def convert(table: Tensor, precision: str) -> dict[str, Tensor]:
    """The rows of an embedding table in a precision.

    Args:
        table: [R, D]

    Returns:
        rows, [R, D]; of int8 also ranges, [R, 2]
    """
    if precision == "int8":
        return quantise(table)
    return {"rows": table.to(PRECISIONS[precision])}


def quantise(table: Tensor) -> dict[str, Tensor]:
    """The rows of FBGEMM's int8 tables: a number becomes the nearest of 256 steps of its row.

    FBGEMM's own operator gives the same bytes, but takes no odd D.

    Args:
        table: [R, D]

    Returns:
        rows, the steps from the row's least number, [R, D]; and ranges, the size of a step and the
        least number, halves, [R, 2]
    """
    bias = table.amin(1, keepdim=True).half()
    scale = ((table.amax(1, keepdim=True) - bias.float()) / 255).half()
    # The numbers of such a row are all the same.
    scale = torch.where(scale == 0, 1, scale)
    codes = ((table - bias.float()) * (1 / scale.float())).round().clamp(0, 255)
    return {"rows": codes.to(torch.uint8), "ranges": torch.cat([scale, bias], dim=1)}
