"""The schema of own data, from the section `own` of params.yaml."""

from pathlib import Path

from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.data.params import own_features, own_source
from recsys.data.schema import Attribute, Column, File, Schema
from recsys.sources.params import OwnParams


def own_schema(params: OwnParams) -> Schema:
    """The schema of own data, whose files the stage fetch copied.

    Raises:
        InputError: params.yaml names features of a file, but not the file.
    """
    return Schema(
        ratings=File(Path("interactions") / Path(params.interactions).name, params.interactions),
        users=_file(params, "users"),
        movies=_file(params, "items"),
        user=Column(params.user, "own.user"),
        movie=Column(params.item, "own.item"),
        rating=_column(params, "rating"),
        label=_column(params, "label"),
        time=_column(params, "time"),
        time_format=params.time_format,
        title=_column(params, "title"),
        user_attributes=_attributes(params, "users"),
        movie_attributes=_attributes(params, "items"),
        features=own_features(params),
        rating_scale=RatingScale(*params.rating_scale) if params.rating_scale else None,
        duplicates=params.duplicates,
        negatives=params.negatives,
    )


def _file(params: OwnParams, noun: str) -> File | None:
    path: str = getattr(params, noun)
    return File(Path(noun) / Path(path).name, path) if path else None


def _column(params: OwnParams, key: str) -> Column | None:
    name: str = getattr(params, key)
    return Column(name, f"own.{key}") if name else None


def _attributes(params: OwnParams, noun: str) -> tuple[Attribute, ...]:
    key = f"own.{noun[:-1]}_features"
    features = params.features(noun)
    if features and not getattr(params, noun):
        raise InputError(f"{key} names {features[0].name}, but own.{noun} names no file")
    return tuple(
        Attribute(own_source(f.name), f.kind, (Column(f.name, key),), f.separator) for f in features
    )
