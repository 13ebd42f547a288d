"""The feature registry: what a model can be given, and where it lies.

To add a column of the users or movies as a feature, add an entry here and name it in params.yaml.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from recsys.common.params import Count, Section


@dataclass(frozen=True)
class Feature:
    """One feature of a rating.

    Attributes:
        name: as in params.yaml.
        kind: sparse (one value, looked up in an embedding table), list (any number of values,
            pooled), or dense (numbers).
        table: whose rows it describes. `users` and `movies` are joined to a rating; `ratings`
            means that the stage features computes it for each rating.
        column: where it lies in that table. None for an id, which is the row itself; a group of
            columns, or the name of a history, where the table is `ratings`.
        source: of a coded column, the column of the raw table whose values the codes stand for.
        embedding_table: the table that looks it up; "" for one of its own.
        missing: of a dense feature, the value of a user or movie that is not in the tables.
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
        """The name of its embedding table."""
        return self.embedding_table or self.name


# Features of one embedding table stand side by side, as TorchRec orders its tables.
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
    # Groups of statistics of the user's and the movie's other ratings.
    *(
        Feature(group, "dense", "ratings", group)
        for group in ("user", "movie", "affinity", "recent", "time", "taste", "liking")
    ),
)
REGISTRY: dict[str, Feature] = {feature.name: feature for feature in _ALL}


def select_features(names: tuple[str, ...]) -> tuple[Feature, ...]:
    """The features of these names, in the order of the registry."""
    return tuple(feature for name, feature in REGISTRY.items() if name in names)


def coded_features(table: str) -> tuple[Feature, ...]:
    """The features of a table whose column holds codes from 0."""
    return tuple(f for f in REGISTRY.values() if f.table == table and f.source)


def _names(dense: bool) -> list[str]:
    return [name for name, feature in REGISTRY.items() if (feature.kind == "dense") == dense]


def _some() -> Any:
    # YAML has lists only; strict mode would refuse one where a tuple is declared.
    return Field(strict=False, min_length=1, description="a list of at least one name")


class FeatureParams(Section):
    """The section `features` of params.yaml."""

    name = "features"
    sparse: Annotated[tuple[str, ...], _some()]
    dense: Annotated[tuple[str, ...], _some()]
    history_length: Count

    @property
    def selected(self) -> tuple[Feature, ...]:
        """The features, in the order of the registry, whatever the order that they are named in."""
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
