"""The section `model` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.common.params import Positive, Section, Width, list_field
from recsys.models.description import Architecture

# More layers than any model of this kind has; the limit keeps a mistake from taking all memory.
MAX_LAYERS = 100

Widths = Annotated[
    tuple[Width, ...],
    list_field(f"a list of up to {MAX_LAYERS} integers from 1 to 65536", max_length=MAX_LAYERS),
]
Layers = Annotated[
    int, Field(description=f"an integer from 1 to {MAX_LAYERS}", ge=1, le=MAX_LAYERS)
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
            description=f"a list of at least one integer from 1 to 65536, up to {MAX_LAYERS}",
        ),
    ]
    dropout: Annotated[float, Field(description="a number from 0 to below 1", ge=0, lt=1)]
    cross_layers: Layers
    cross_rank: Width

    def architecture(self) -> Architecture:
        return Architecture(**self.model_dump())
