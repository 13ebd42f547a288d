"""Names the weights of a checkpoint as the network in plain torch takes them, and quantises tables.

Shapes: R rows of an embedding table, D embedding dimension.
"""

import re

import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.dataloader.pairs import FeatureKind, Pairs
from recsys.models.checkpoint import Description as Trained
from recsys.serving.artifact.description import PRECISIONS, Description

TABLE = "dlrm.sparse_arch.embedding_bag_collection.embedding_bags."
# The layers of each MLP, and the matrices of the crosses, by the prefix of their names.
MLPS = {"bottom": "dlrm.dense_arch.", "top": "dlrm.over_arch.", "deep": "dlrm.inter_arch.deep."}
CROSSES = {"down": "V_kernels", "up": "W_kernels", "bias": "bias"}


def name_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a checkpoint under the names of `network.weight_forms`, in fp32."""
    named = {}
    for mlp, prefix in MLPS.items():
        layers = sorted(
            {n.rpartition(".")[0] for n in weights if n.startswith(prefix)}, key=natural
        )
        for place, layer in enumerate(layers):
            named[f"{mlp}.{place}.weight"] = weights[f"{layer}.weight"]
            named[f"{mlp}.{place}.bias"] = weights[f"{layer}.bias"]
    for part, name in CROSSES.items():
        prefix = f"dlrm.inter_arch.crossnet.{name}."
        for key in weights:
            if key.startswith(prefix):
                named[f"cross.{key.removeprefix(prefix)}.{part}"] = weights[key]
    for key, weight in weights.items():
        if key.startswith(TABLE):
            named[f"embeddings.{key.removeprefix(TABLE).removesuffix('.weight')}.rows"] = weight
    return named


def describe(trained: Trained, pairs: Pairs, rating_scale: RatingScale) -> Description:
    """The plain description of a checkpoint, with embedding tables in fp32.

    Args:
        pairs: the features of the tables.
    """
    params, sparse = trained.architecture, trained.sparse_features
    linear, crosses = params.kind in ("fm", "lr"), params.kind == "dcn"
    scale = float(rating_scale.lowest), float(rating_scale.highest)
    kinds = {feature.name: feature for feature in pairs.kinds()}
    return Description(
        kind=params.kind,
        precision="fp32",
        pooling=params.pooling,
        scale=scale if trained.task == "regression" else None,
        dimension=params.embedding_dimension,
        bottom=() if linear else params.bottom_layers,
        top=() if linear else params.top_layers,
        deep=params.top_layers[0] if params.kind == "deepfm" else 0,
        cross_layers=params.cross_layers if crosses else 0,
        cross_rank=params.cross_rank if crosses else 0,
        embeddings={f.lookup: trained.embedding_rows[f.name] for f in sparse},
        lookups={f.name: f.lookup for f in sparse},
        # What the tables do not have comes from ratings.
        features=(
            *(kinds.get(f.name, FeatureKind(f.name, "ratings", "list")) for f in sparse),
            *(kinds.get(n, FeatureKind(n, "ratings", "dense")) for n in trained.dense_features),
        ),
    )


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts the numbers in names as numbers."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def quantise_tables(weights: dict[str, Tensor], precision: str) -> dict[str, Tensor]:
    """The weights with embedding tables in a precision; the MLPs stay fp32.

    Raises:
        InputError: a weight is not a finite number, or is too large for the precision.
    """
    converted = {}
    for name, weight in weights.items():
        if name.startswith("embeddings."):
            table = name.removesuffix(".rows")
            for part, tensor in convert(weight, precision).items():
                converted[f"{table}.{part}"] = tensor
        else:
            converted[name] = weight
    for name, tensor in converted.items():
        if not tensor.isfinite().all():
            raise InputError(
                f"the exported weights {name} are not finite numbers; export with --precision "
                "fp32, which has larger numbers, or train again"
            )
    return converted


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
