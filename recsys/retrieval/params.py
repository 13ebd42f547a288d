"""The section `retrieval` of params.yaml."""

from typing import Annotated

from pydantic import Field

from recsys.common.params import Count, Positive, Section


class RetrievalParams(Section):
    name = "retrieval"
    damping: Positive
    candidates: Count
    like_weight: Annotated[float, Field(description="a number from 0", ge=0)]
