"""The sections `statistics` and `gaussian_process` of params.yaml."""

from typing import Annotated

from pydantic import Field

from recsys.common.params import Count, Fraction, Positive, Section, Seed, Workers, list_field

Seconds = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10**10)], ...],
    list_field("a list of seconds, integers from 0 to 1e10"),
]
Mood = Annotated[tuple[Positive, Positive], list_field("[fraction of the variance, days]")]
Moods = Annotated[
    tuple[Mood, ...], list_field("a list of [fraction of the variance, days], both above 0")
]


class StatisticsParams(Section):
    name = "statistics"
    user_damping: Positive
    movie_damping: Positive
    window_damping: Positive
    usual_year: Annotated[int, Field(description="a year from 1900 to 2100", ge=1900, le=2100)]
    cutoff: Positive
    windows: Seconds


class GaussianProcessParams(Section):
    name = "gaussian_process"
    people: Count = 200_000
    factors: Annotated[int, Field(description="an integer from 1 to 1024", ge=1, le=1024)]
    iterations: Count
    mean_damping: Positive
    factor_damping: Positive
    folds: Annotated[int, Field(description="an integer from 2 to 100", ge=2, le=100)]
    seed: Seed
    lasting: Fraction
    fading_days: Positive
    threads: Workers = 1
    moods: Moods
