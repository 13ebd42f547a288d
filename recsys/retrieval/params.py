"""The section `retrieval` of params.yaml."""

from typing import Annotated

from pydantic import Field

from recsys.common.params import Count, Positive, Section

Weight = Annotated[float, Field(description="a number from 0", ge=0)]


class RetrievalParams(Section):
    name = "retrieval"
    movies: Annotated[int, Field(description="an integer from 1 to 20000", ge=1, le=20_000)]
    damping: Positive
    candidates: Count
    like_weight: Weight
    trend_weight: Weight
    trend_days: Positive
