"""The sections `evaluate` and `ranking` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recsys.common.params import Count, Fraction, Section, Seed, Workers

Points = Annotated[int, Field(description="an integer from 2 to 10000", ge=2, le=10_000)]
# YAML has lists but no tuples. In strict mode, pydantic would refuse a list here.
Steps = Annotated[
    tuple[Count, Count], Field(strict=False, description="a list of two integers from 1, ascending")
]


class EvaluateParams(Section):
    name = "evaluate"
    threshold: Fraction
    calibration_bins: Points
    curve_points: Points
    bootstrap: Annotated[int, Field(description="an integer from 0 to 100000", ge=0, le=10**5)]
    seed: Seed
    threads: Workers
    user_steps: Steps
    movie_steps: Steps

    @model_validator(mode="after")
    def _steps_ascend(self) -> "EvaluateParams":
        for name, (few, many) in (("user", self.user_steps), ("movie", self.movie_steps)):
            if few >= many:
                raise ValueError(f"{name}_steps = [{few}, {many}]: the second must be larger")
        return self


class RankingParams(Section):
    """The evaluation of lists of recommendations."""

    name = "ranking"
    top: Count
    relevant: Literal["likes", "all"]
    people: Count = 10_000
    bootstrap: Annotated[int, Field(description="an integer from 0", ge=0)]
    seed: Seed
