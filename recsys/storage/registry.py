"""Which features a model can be given."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from recsys.common.params import Count, Section

SparseFeature = Literal[
    "userid", "movieid", "liked", "disliked", "genres", "age", "occupation", "zip", "period"
]
DenseFeature = Literal["gender", "user", "movie", "affinity", "recent", "time", "taste", "liking"]


def _some_of(names: object) -> Any:
    """A field that lists some of a Literal's names."""
    described = f"a list of at least one of {', '.join(get_args(names))}"
    return Field(strict=False, min_length=1, description=described)


class FeatureParams(Section):
    name = "features"
    sparse: Annotated[tuple[SparseFeature, ...], _some_of(SparseFeature)]
    dense: Annotated[tuple[DenseFeature, ...], _some_of(DenseFeature)]
    history_length: Count

    @property
    def ordered(self) -> tuple[str, ...]:
        """The sparse features, those of one table side by side, whatever the order they are in."""
        return tuple(name for name in get_args(SparseFeature) if name in self.sparse)

    @property
    def statistics(self) -> tuple[str, ...]:
        """The dense features that are computed from other ratings."""
        return tuple(name for name in self.dense if name != "gender")

    @property
    def histories(self) -> tuple[str, ...]:
        """The sparse features that are lists of other ratings' movies."""
        return tuple(name for name in self.sparse if name in ("liked", "disliked"))

    @model_validator(mode="after")
    def _none_is_twice(self) -> "FeatureParams":
        for names in (self.sparse, self.dense):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{name} is listed twice; name it once")
        return self
