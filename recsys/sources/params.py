"""The sections `fetch` and `own` of params.yaml."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from recsys.common.params import Count, Section, Seed, list_field, show
from recsys.common.rating_scale import RatingScale


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
        "own",
    ]
    synthetic_users: Count
    synthetic_movies: Count
    synthetic_ratings: Count
    synthetic_seed: Seed


Kind = Literal["category", "list", "number"]
KINDS: dict[str, Kind] = {"category": "category", "list": "list", "number": "number"}


class OwnFeature(NamedTuple):
    """A column of the users or items file that becomes a feature.

    Attributes:
        name: the name of the column, and of the feature in params.yaml.
        kind: category (one value), list (values between separators) or number.
        separator: the separator of a list.
    """

    name: str
    kind: Kind
    separator: str = "|"


def _text(description: str) -> Any:
    return Field(description=description, max_length=4096)


Names = Annotated[
    tuple[str, ...], list_field("a list of COLUMN:category, COLUMN:list or COLUMN:number")
]


class OwnParams(Section):
    """The files of own data, and the meaning of their columns."""

    name = "own"
    interactions: Annotated[str, _text("the path of a file")]
    users: Annotated[str, _text("the path of a file, or empty")]
    items: Annotated[str, _text("the path of a file, or empty")]
    user: Annotated[str, _text("the name of a column")]
    item: Annotated[str, _text("the name of a column")]
    rating: Annotated[str, _text("the name of a column, or empty")]
    label: Annotated[str, _text("the name of a column, or empty")]
    time: Annotated[str, _text("the name of a column, or empty")]
    time_format: Literal["seconds", "milliseconds", "iso"]
    title: Annotated[str, _text("the name of a column, or empty")]
    duplicates: Literal["refuse", "keep_last"]
    negatives: Annotated[int, Field(description="an integer from 0 to 100", ge=0, le=100)]
    seed: Seed
    rating_scale: Annotated[tuple[float, ...], list_field("[lowest, highest, step], or []")]
    user_features: Names
    item_features: Names

    def features(self, table: str) -> tuple[OwnFeature, ...]:
        """The features of the users or items file, parsed from `COLUMN:KIND:SEPARATOR`."""
        texts = self.user_features if table == "users" else self.item_features
        return tuple(parse_feature(text) for text in texts)

    @model_validator(mode="after")
    def _makes_sense(self) -> "OwnParams":
        if self.user == self.item:
            raise ValueError(f"user and item are both {show(self.user)}; name two columns")
        if self.rating and self.label:
            raise ValueError("rating and label are both set; leave one of them empty")
        self._check_scale()
        names = [f.name for table in ("users", "items") for f in self.features(table)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the feature {name} is listed twice; name it once")
        return self

    def _check_scale(self) -> None:
        if not self.rating_scale:
            return
        lowest, highest, step = (*self.rating_scale, 0, 0, 0)[:3]
        if len(self.rating_scale) != 3 or not (lowest < highest and step > 0):
            raise ValueError(
                f"rating_scale = {list(self.rating_scale)}: give [lowest, highest, step], "
                "ascending and with a step above 0, or []"
            )
        if RatingScale(lowest, highest, step).rounding > 0.25:
            raise ValueError(
                f"rating_scale = {list(self.rating_scale)}: the step is too small for ratings of "
                "7 digits; give a larger step"
            )


def parse_feature(text: str) -> OwnFeature:
    """Parse `COLUMN:category`, `COLUMN:number` or `COLUMN:list:SEPARATOR`. Raises: ValueError."""
    name, _, rest = text.partition(":")
    kind, _, separator = rest.partition(":")
    if not name or kind not in KINDS or (separator and kind != "list"):
        raise ValueError(
            f"feature {text!r}: give COLUMN:category, COLUMN:number or COLUMN:list:SEPARATOR"
        )
    return OwnFeature(name, KINDS[kind], separator or "|")
