"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.common.params import Positive, Section, Width

Dropout = Annotated[float, Field(description="a number from 0 to below 1", ge=0, lt=1)]
# YAML has lists but no tuples. In strict mode, pydantic would refuse a list here.
Widths = Annotated[
    tuple[Width, ...], Field(strict=False, description="a list of integers from 1 to 65536")
]


class ModelParams(Section):
    name = "model"
    kind: Literal["dlrm", "dcn", "deepfm", "fm", "lr"]
    embedding_dimension: Width
    pooling: Literal["sum", "mean"]
    embedding_std: Positive
    bottom_layers: Widths
    top_layers: Annotated[
        Widths, Field(min_length=1, description="a list of at least one integer from 1 to 65536")
    ]
    dropout: Dropout
    cross_layers: Width
    cross_rank: Width
