"""The schema of a data set: its files, their columns, and what the columns mean.

The schemas of the MovieLens releases are in `recsys.data.presets`. `recsys.data.own` makes the
schema of own data from params.yaml, where ratings are called interactions, and movies items.
`recsys.data.reading` reads both.
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
        path: the path in the folder of the raw files.
        shown: the path that errors name; "" for the path of the raw file.
        separator: one or more characters; "" to find a usual separator in the header.
        encoding: the encoding of a text file.
        names: the columns' names, where the file has no header; else ().
        quoted: whether a value may stand in double quotes, and then span lines.
        remedy: the advice at the end of an error.
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
        name: the name. Letter case, spaces, underscores and hyphens do not matter.
        key: the key of params.yaml that names the column; "" for a release.
    """

    name: str
    key: str = ""

    @property
    def shown(self) -> str:
        """The name as messages quote it."""
        return show_key(self.name)


@dataclass(frozen=True)
class Attribute:
    """An attribute of users or movies, which can become a feature of the model.

    Attributes:
        name: the column of the users or movies table that gets the values.
        kind: category (a text), list (texts), number (standardised), or flags (a list of texts,
            where each text has a column of 0 or 1).
        columns: the columns of the file: several for flags, else one.
        separator: the separator between the texts of a list.
        missing_values: texts of a list that mean a missing value, so they are left out.
        allowed: the texts that a category may have; () for any.
    """

    name: str
    kind: Literal["category", "list", "number", "flags"]
    columns: tuple[Column, ...]
    separator: str = "|"
    missing_values: frozenset[str] = frozenset({""})
    allowed: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name as messages quote it."""
        return self.columns[0].shown if len(self.columns) == 1 else self.name


@dataclass(frozen=True)
class Schema:
    """The schema of a data set.

    Attributes:
        ratings: the file with a row for each rating.
        users: the file with a row for each user; without it, the users are those who rate.
        movies: the file with a row for each movie; without it, the movies are the rated ones.
        user: the column of the user's id, in the ratings and the users file.
        movie: the column of the movie's id, in the ratings and the movies file.
        rating: the column of the rating.
        label: the column of a 0/1 label, in place of a rating. Without both, every row is a 1.
        time: the column of the time; without it, all times are 0.
        time_format: seconds since 1970 (UTC), milliseconds, or a text in ISO 8601.
        title: the column of the movie's title; without it, the title is the id.
        user_attributes: the attributes in the users file; without the file, their values are null.
        movie_attributes: the same for the movies file.
        features: the features whose values are in the users and movies tables.
        id_type: the name of the Arrow type of the ids; "" for int64 if all ids of a column are
            whole numbers, else string.
        rating_scale: the possible ratings; None to find them in the data.
        complete: whether users and movies that are not in their files are refused.
        duplicates: what happens to several ratings of a movie by one user.
        negatives: without rating and label, the number of movies that split draws for each row.
        published: the counts that the tables are compared with.
    """

    ratings: File
    user: Column
    movie: Column
    users: File | None = None
    movies: File | None = None
    rating: Column | None = None
    label: Column | None = None
    time: Column | None = None
    time_format: TimeFormat = "seconds"
    title: Column | None = None
    user_attributes: tuple[Attribute, ...] = ()
    movie_attributes: tuple[Attribute, ...] = ()
    features: tuple[Feature, ...] = ()
    id_type: Literal["int32", ""] = ""
    rating_scale: RatingScale | None = None
    complete: bool = False
    duplicates: Literal["refuse", "keep_last"] = "refuse"
    negatives: int = 0
    published: PublishedCounts | None = field(default=None, repr=False)
