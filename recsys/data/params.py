"""The sections `encode` and `split` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from recsys.common.params import Count, Fraction, Section, Seed, list_field
from recsys.sources.params import OwnParams
from recsys.storage.registry import Feature


class EncodeParams(Section):
    name = "encode"
    label_threshold: Annotated[float, Field(description="a number of stars")]
    zip_prefix: Count
    period_years: Count
    partitions: Annotated[int, Field(description="an integer from 1 to 99999", ge=1, lt=10**5)]
    drop_ratings: Annotated[tuple[float, ...], list_field("a list of numbers of stars, or []")]


class SplitParams(Section):
    name = "split"
    method: Literal["random", "chronological", "leave_last"]
    min_history: Annotated[int, Field(description="an integer from 0 to 1e6", ge=0, le=10**6)]
    train: Fraction
    validation: Fraction
    test: Fraction
    seed: Seed

    @property
    def fractions(self) -> tuple[float, ...]:
        """The sizes of the parts, in the order of `schemas.PARTS`; their sum is 1."""
        return self.train, self.validation, self.test

    @property
    def follows_time(self) -> bool:
        """Whether a user's test ratings come after their training ratings."""
        return self.method != "random"

    @model_validator(mode="after")
    def _fractions_add_up_to_1(self) -> "SplitParams":
        total = sum(self.fractions)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test is {total:g}; it must be 1")
        return self


# Columns of the users and movies tables that are no features.
TAKEN = ("raw_userid", "raw_movieid", "title", "year")


def own_source(name: str) -> str:
    """The raw column of a feature of own data. No release has a column of this name."""
    return f"own {name}"


def own_features(params: OwnParams) -> tuple[Feature, ...]:
    """The registry entries of the feature columns of own data.

    The first entry, `bias`, is 1 for everybody. It is the dense input of a model without others.
    """
    features = [Feature("bias", "dense", "users", "bias", source="bias", missing=1.0)]
    tables: dict[str, Literal["users", "movies"]] = {"users": "users", "items": "movies"}
    for file, table in tables.items():
        for name, kind, _ in params.features(file):
            source = own_source(name)
            if kind == "number":
                column = f"{name}_number" if name in TAKEN else name
                features.append(Feature(name, "dense", table, column, source))
            else:
                coded: Literal["sparse", "list"] = "list" if kind == "list" else "sparse"
                features.append(Feature(name, coded, table, f"{name}_code", source))
    return tuple(features)
