"""What a source of data looks like: its files, their columns, and what the columns mean.

A release of MovieLens is a schema that ships with the project (`recsys.data.presets`). Own data is
a schema that params.yaml describes (`recsys.data.own`). `recsys.data.reading.reader` reads both.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from recsys.common.params import show_key
from recsys.common.rating_scale import RatingScale
from recsys.sources.releases import PublishedCounts
from recsys.storage.registry import Feature

TimeFormat = Literal["seconds", "milliseconds", "iso"]


@dataclass(frozen=True)
class File:
    """A file: text whose values a separator divides, or Parquet; also compressed.

    Attributes:
        path: where it lies in the folder of the raw files.
        shown: the path that errors name; "" for the one where it lies.
        separator: of one or more characters; "" to find a usual one in the header.
        encoding: of a text.
        names: the columns' names, where the file has no header; else ().
        quoted: whether a value may stand in double quotes, and then span lines.
        remedy: what errors advise.
    """

    path: Path
    shown: str = ""
    separator: str = ""
    encoding: str = "utf-8"
    names: tuple[str, ...] = ()
    quoted: bool = True
    remedy: str = "correct the file"


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes:
        name: in any letter case, with any spaces, underscores and hyphens.
        key: the key of params.yaml that names it; "" for a release.
    """

    name: str
    key: str = ""

    @property
    def shown(self) -> str:
        """The name as messages quote it."""
        return show_key(self.name)


@dataclass(frozen=True)
class Attribute:
    """What a file says about each user or item, and the model can have as a feature.

    Attributes:
        name: the column of the users or movies table that gets the values.
        kind: category (a text), list (texts), number (standardised), or flags (a list of texts, of
            which each has a column of 0 or 1).
        columns: of the file: one or, of flags, one for each text.
        separator: between the texts of a list.
        none: texts of a list that stand for no text.
        allowed: the only texts that a category may have; () for any.
    """

    name: str
    kind: Literal["category", "list", "number", "flags"]
    columns: tuple[Column, ...]
    separator: str = "|"
    missing_values: frozenset[str] = frozenset({""})
    allowed: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """What the user calls it."""
        return self.columns[0].shown if len(self.columns) == 1 else self.name


@dataclass(frozen=True)
class Schema:
    """A source of data.

    Attributes:
        interactions: the file with a row for each interaction of a user with an item.
        users: the file with a row for each user; None: the users are those of the interactions.
        items: the same for the items.
        user: the column of the user's id, in the interactions and the users file.
        item: the column of the item's id, in the interactions and the items file.
        rating: the column of the rating.
        label: the column of a 0/1 label, in place of a rating. Without both, every row is a 1.
        time: the column of the time; without it, all times are 0.
        time_format: seconds since 1970 (UTC), milliseconds, or a text as of ISO 8601.
        title: the column of the item's title; without it, the title is the id.
        user_attributes: what the users file says; without a file, each value is null.
        item_attributes: what the items file says.
        features: the features whose values are in the users and movies tables.
        id_type: the name of the Arrow type of the ids; "" for int64 if all ids of a column are
            whole numbers, else string.
        rating_scale: the ratings that there can be; None to find it in the data.
        complete: whether users and items that are not in their files are refused.
        duplicates: what happens to several interactions of one pair.
        negatives: without rating and label, the number of items that split draws for each row.
        published: what the tables are compared with.
    """

    interactions: File
    user: Column
    item: Column
    users: File | None = None
    items: File | None = None
    rating: Column | None = None
    label: Column | None = None
    time: Column | None = None
    time_format: TimeFormat = "seconds"
    title: Column | None = None
    user_attributes: tuple[Attribute, ...] = ()
    item_attributes: tuple[Attribute, ...] = ()
    features: tuple[Feature, ...] = ()
    id_type: Literal["int32", ""] = ""
    rating_scale: RatingScale | None = None
    complete: bool = False
    duplicates: Literal["refuse", "keep_last"] = "refuse"
    negatives: int = 0
    published: PublishedCounts | None = field(default=None, repr=False)
