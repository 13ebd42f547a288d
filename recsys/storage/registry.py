"""The feature registry: which features a model can have, and where their values are stored.

To make a column of the users or movies a feature, add an entry here and name it in params.yaml.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import model_validator

from recsys.common.params import Count, Section, list_field


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
    def embedding_table_name(self) -> str:
        """The embedding table that the feature is looked up in."""
        return self.embedding_table or self.name


# Features that share an embedding table are neighbours here, because TorchRec orders them so.
IDS = (Feature("userid", "sparse", "users"), Feature("movieid", "sparse", "movies"))
HISTORIES = (
    Feature("liked", "list", "ratings", "liked", embedding_table="movieid"),
    Feature("disliked", "list", "ratings", "disliked", embedding_table="movieid"),
)
# What the releases of MovieLens publish; own data brings its own (`own` in params.yaml).
MOVIELENS = (
    Feature("genres", "list", "movies", "genres", source="genres"),
    Feature("age", "sparse", "users", "age_code", source="age"),
    Feature("occupation", "sparse", "users", "occupation_code", source="occupation"),
    Feature("zip", "sparse", "users", "zip_code", source="zip_prefix"),
    Feature("period", "sparse", "movies", "period_code", source="period"),
    Feature("gender", "dense", "users", "gender", source="gender", missing=0.5),
)
# Groups of statistics of the visible ratings.
STATISTICS = tuple(
    Feature(group, "dense", "ratings", group)
    for group in ("user", "movie", "affinity", "recent", "time", "gp_stars", "gp_like")
)
# Names of version 1.1, and what replaced them.
RENAMED = {"taste": "gp_stars", "liking": "gp_like"}
# Any data set has these; the values of the others are in its users and movies tables.
COMPUTED = (*IDS, *HISTORIES, *STATISTICS)
REGISTRY: dict[str, Feature] = {f.name: f for f in (*IDS, *HISTORIES, *MOVIELENS, *STATISTICS)}


def movielens_features() -> tuple[Feature, ...]:
    """The features of the users and movies tables of a MovieLens release."""
    return tuple(feature for feature in REGISTRY.values() if feature not in COMPUTED)


def select_features(
    names: tuple[str, ...], known: tuple[Feature, ...] | None = None
) -> tuple[Feature, ...]:
    """The features with these names, in the order in which every model takes them.

    Args:
        known: the features of the users and movies tables; MovieLens's if there are none.
    """
    known = movielens_features() if known is None else known
    sparse = [feature for feature in known if feature.kind != "dense"]
    dense = [feature for feature in known if feature.kind == "dense"]
    ordered = (*IDS, *HISTORIES, *sparse, *dense, *STATISTICS)
    return tuple(feature for feature in ordered if feature.name in names)


Names = Annotated[tuple[str, ...], list_field("a list of at least one name", min_length=1)]


class FeatureParams(Section):
    """The section `features` of params.yaml."""

    name = "features"
    sparse: Names
    dense: Names
    history_length: Count

    @property
    def names(self) -> tuple[str, ...]:
        return self.sparse + self.dense

    @model_validator(mode="after")
    def _no_name_is_listed_twice(self) -> "FeatureParams":
        for key, names in (("sparse", self.sparse), ("dense", self.dense)):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{key}: {name} is listed twice; name it once")
        return self

    def find_unknown(self, known: tuple[Feature, ...]) -> Iterator[str]:
        """Describe each name that is no feature of a data set.

        Args:
            known: the features of its users and movies tables.
        """
        for key, names in (("sparse", self.sparse), ("dense", self.dense)):
            is_dense = key == "dense"
            allowed = [f.name for f in (*COMPUTED, *known) if (f.kind == "dense") == is_dense]
            for name in names:
                if name not in allowed and name in RENAMED:
                    yield f"features.{key}: {name} is called {RENAMED[name]} now"
                elif name not in allowed:
                    yield (
                        f"features.{key}: no such feature {name!r}; allowed: {', '.join(allowed)}"
                    )
