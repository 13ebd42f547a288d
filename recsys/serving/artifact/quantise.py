"""Embedding tables of lower precision.

Shapes: R rows of an embedding table, D embedding dimension.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.models.plain_tables import PRECISIONS

TABLES = "tables."


def quantise_tables(weights: Mapping[str, Tensor], precision: str) -> dict[str, Tensor]:
    """The weights with embedding tables in a precision; the network stays fp32.

    Raises:
        InputError: a weight is not a finite number, or is too large for the precision.
    """
    converted: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if not name.startswith(TABLES):
            converted[name] = weight
        elif precision == "int8":
            converted[name], converted[f"{name.removesuffix('weight')}ranges"] = quantise(weight)
        else:
            converted[name] = weight.to(PRECISIONS[precision])
    for name, tensor in converted.items():
        if not tensor.isfinite().all():
            raise InputError(
                f"the exported weights {name} are not finite numbers; export with --precision "
                "fp32, which has larger numbers, or train again"
            )
    return converted


def quantise(table: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of FBGEMM's int8 tables: a number becomes the nearest of 256 steps of its row.

    FBGEMM's own operator gives the same bytes, but takes no odd D.

    Args:
        table: [R, D]

    Returns:
        the steps from the row's least number, [R, D]; the size of a step and the least number,
        halves, [R, 2]
    """
    bias = table.amin(1, keepdim=True).half()
    scale = ((table.amax(1, keepdim=True) - bias.float()) / 255).half()
    # The numbers of such a row are all the same.
    scale = torch.where(scale == 0, 1, scale)
    codes = ((table - bias.float()) * (1 / scale.float())).round().clamp(0, 255)
    return codes.to(torch.uint8), torch.cat([scale, bias], dim=1)
