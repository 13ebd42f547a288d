"""The sections `retrieval` and `sequence` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from recsys.common.params import Count, NotNegative, Positive, Section, Seed, Width, Workers

Weight = Annotated[float, Field(description="a number from 0", ge=0)]


class RetrievalParams(Section):
    name = "retrieval"
    model: Literal["ease", "sequence"]
    people: Count = 200_000
    exact_movies: Annotated[int, Field(description="an integer from 1 to 20000", ge=1, le=20_000)]
    neighbors: Annotated[int, Field(description="an integer from 1 to 2000", ge=1, le=2000)]
    refit: Annotated[bool, Field(description="true or false")]
    damping: Positive
    candidates: Count
    like_weight: Weight
    star_weight: Annotated[float, Field(description="a number from 0 to 1", ge=0, le=1)]
    user_power: Weight
    return_weight: Weight
    return_days: Positive
    ease_weight: Weight


class SequenceParams(Section):
    """The sequence encoder, and how it is trained."""

    name = "sequence"
    dimension: Width
    blocks: Annotated[int, Field(description="an integer from 1 to 64", ge=1, le=64)]
    dropout: Annotated[float, Field(description="a number from 0, below 1", ge=0, lt=1)]
    learning_rate: Positive
    weight_decay: NotNegative
    negatives: Count
    batch_size: Count
    epochs: Count
    seed: Seed
    threads: Workers
