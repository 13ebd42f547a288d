"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.common.params import Positive, Section, Width
from recsys.models.description import Architecture

# More layers than any model of this kind has; the limit keeps a mistake from taking all memory.
MOST_LAYERS = 100

Dropout = Annotated[float, Field(description="a number from 0 to below 1", ge=0, lt=1)]
# YAML has lists but no tuples. In strict mode, pydantic would refuse a list here.
Widths = Annotated[
    tuple[Width, ...],
    Field(
        strict=False,
        max_length=MOST_LAYERS,
        description=f"a list of up to {MOST_LAYERS} integers from 1 to 65536",
    ),
]
Layers = Annotated[
    int, Field(description=f"an integer from 1 to {MOST_LAYERS}", ge=1, le=MOST_LAYERS)
]


class ModelParams(Section):
    name = "model"
    kind: Literal["dlrm", "dcn", "deepfm", "fm", "lr"]
    embedding_dimension: Width
    pooling: Literal["sum", "mean"]
    embedding_std: Positive
    bottom_layers: Widths
    top_layers: Annotated[
        Widths,
        Field(
            min_length=1,
            description=f"a list of at least one integer from 1 to 65536, up to {MOST_LAYERS}",
        ),
    ]
    dropout: Dropout
    cross_layers: Layers
    cross_rank: Width

    def architecture(self) -> Architecture:
        return Architecture(**self.model_dump())
