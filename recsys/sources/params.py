"""The section `fetch` of params.yaml."""

from typing import Literal

from recsys.common.params import Count, Section, Seed


class FetchParams(Section):
    name = "fetch"
    dataset: Literal[
        "ml-100k",
        "ml-1m",
        "ml-latest-small",
        "ml-10m",
        "ml-20m",
        "ml-25m",
        "ml-32m",
        "synthetic",
    ]
    synthetic_users: Count
    synthetic_movies: Count
    synthetic_ratings: Count
    synthetic_seed: Seed
