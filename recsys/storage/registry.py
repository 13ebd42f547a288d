"""The feature registry: which features a model can have, and where their values are stored.

To make a column of the users or movies a feature, add an entry here and name it in params.yaml.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from recsys.common.params import Count, Section


@dataclass(frozen=True)
class Feature:
    """One feature of a rating.

    Attributes:
        name: the name in params.yaml.
        kind: sparse (one value, looked up in an embedding table), list (any number of values,
            looked up and pooled), or dense (numbers).
        table: the table whose rows the feature describes. Rows of `users` and `movies` are joined
            to a rating. For `ratings`, the stage features computes the feature of each rating.
        column: the column of that table. For an id it is None, because the row itself is the
            value. For `ratings` it names a group of columns or a history.
        source: for a column of codes, the raw column whose values are coded.
        embedding_table: the embedding table that the feature shares; "" if it has its own.
        missing: for a dense feature, the value for a user or movie that is not in the tables.
    """

    name: str
    kind: Literal["sparse", "list", "dense"]
    table: Literal["users", "movies", "ratings"]
    column: str | None = None
    source: str | None = None
    embedding_table: str = ""
    missing: float = 0.0

    @property
    def lookup(self) -> str:
        """The name of the feature's embedding table."""
        return self.embedding_table or self.name


# Features that share an embedding table are neighbours here, because TorchRec orders them so.
_ALL = (
    Feature("userid", "sparse", "users"),
    Feature("movieid", "sparse", "movies"),
    Feature("liked", "list", "ratings", "liked", embedding_table="movieid"),
    Feature("disliked", "list", "ratings", "disliked", embedding_table="movieid"),
    Feature("genres", "list", "movies", "genres", source="genres"),
    Feature("age", "sparse", "users", "age_code", source="age"),
    Feature("occupation", "sparse", "users", "occupation_code", source="occupation"),
    Feature("zip", "sparse", "users", "zip_code", source="zip_prefix"),
    Feature("period", "sparse", "movies", "period_code", source="period"),
    Feature("gender", "dense", "users", "gender", missing=0.5),
    # Groups of statistics of the visible ratings.
    *(
        Feature(group, "dense", "ratings", group)
        for group in ("user", "movie", "affinity", "recent", "time", "taste", "liking")
    ),
)
REGISTRY: dict[str, Feature] = {feature.name: feature for feature in _ALL}


def select_features(names: tuple[str, ...]) -> tuple[Feature, ...]:
    """The features with these names, in the order of the registry."""
    return tuple(feature for name, feature in REGISTRY.items() if name in names)


def coded_features(table: str) -> tuple[Feature, ...]:
    """The features of a table whose columns hold codes, from 0."""
    return tuple(f for f in REGISTRY.values() if f.table == table and f.source)


def _names(dense: bool) -> list[str]:
    return [name for name, feature in REGISTRY.items() if (feature.kind == "dense") == dense]


def _name_list() -> Any:
    # YAML has lists only, and pydantic's strict mode refuses a list for a tuple.
    return Field(strict=False, min_length=1, description="a list of at least one name")


class FeatureParams(Section):
    """The section `features` of params.yaml."""

    name = "features"
    sparse: Annotated[tuple[str, ...], _name_list()]
    dense: Annotated[tuple[str, ...], _name_list()]
    history_length: Count

    @property
    def selected(self) -> tuple[Feature, ...]:
        """The selected features, always in the order of the registry."""
        return select_features(self.sparse + self.dense)

    @model_validator(mode="after")
    def _names_are_known(self) -> "FeatureParams":
        for key, names in (("sparse", self.sparse), ("dense", self.dense)):
            allowed = _names(dense=key == "dense")
            for name in names:
                if name not in allowed:
                    raise ValueError(
                        f"{key}: no such feature {name!r}; allowed: {', '.join(allowed)}"
                    )
                if names.count(name) > 1:
                    raise ValueError(f"{key}: {name} is listed twice; name it once")
        return self
