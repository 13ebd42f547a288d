"""The section `evaluate` of params.yaml."""

from typing import Annotated

from pydantic import Field

from recsys.common.params import Count, Section, Seed, Share, Workers

Points = Annotated[int, Field(description="an integer from 2 to 10000", ge=2, le=10_000)]


class EvaluateParams(Section):
    name = "evaluate"
    threshold: Share
    batch_size: Count
    calibration_bins: Points
    curve_points: Points
    bootstrap: Annotated[int, Field(description="an integer from 0 to 100000", ge=0, le=10**5)]
    seed: Seed
    threads: Workers
