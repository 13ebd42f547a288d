"""Read the raw files of a release into three tables, with ids and values as published.

Layouts: https://files.grouplens.org/datasets/movielens/ml-1m-README.txt (`.dat`, two colons),
ml-100k-README.txt (tabs and pipes) and ml-32m-README.html (CSV with a header).
"""

import csv as text
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from recsys.common.errors import InputError
from recsys.common.rating_scale import RatingScale
from recsys.sources.releases import Release
from recsys.storage.registry import Feature, movielens_features

COLUMN_TYPES = {
    "userid": pa.int32(),
    "movieid": pa.int32(),
    "rating": pa.float32(),
    "timestamp": pa.int64(),
    "age": pa.int16(),
}
USER_COLUMNS = ["userid", "gender", "age", "occupation", "zip"]
RATING_COLUMNS = ["userid", "movieid", "rating", "timestamp"]
# Values of a genres field that are not a genre.
NO_GENRES = {"", "(no genres listed)", "unknown"}
# A line of u.item ends in one flag for each of these, in this order.
ML_100K_GENRES = [
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime",
    "Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance",
    "Sci-Fi", "Thriller", "War", "Western",
]  # fmt: skip
# The parser takes separators of one byte only, so this byte replaces "::". No release uses it.
UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Tables:
    """A release in memory. Row i is line i of the published file, from 0 and after any header.

    Attributes:
        users: userid, gender ("F" or "M"), age (years; in ml-1m the lower end of a range),
            occupation and zip. A release without a users file has the ids of the users who rated,
            and nulls in the other columns.
        movies: movieid, title, genres (a list of names, empty if the file lists none).
        ratings: userid, movieid, rating (stars), timestamp (seconds since 1970, UTC).
        rating_scale: the stars that users could give.
        features: the features whose values are in users and movies.
        id_types: the names of the Arrow types of userid and movieid, by table.
        label_threshold: a rating above it is a like; None: as encode.label_threshold says.
        drawn_negatives: whether the ratings of label 0 were drawn, and are no interactions.
        notes: what was dropped or added, for the user to read.
    """

    users: pd.DataFrame
    movies: pd.DataFrame
    ratings: pd.DataFrame
    rating_scale: RatingScale
    features: tuple[Feature, ...] = field(default_factory=movielens_features)
    id_types: dict[str, str] = field(default_factory=lambda: {"users": "int32", "movies": "int32"})
    label_threshold: float | None = None
    drawn_negatives: bool = False
    notes: tuple[str, ...] = ()


def read_tables(folder: Path, release: Release) -> Tables:
    """Parse the raw files of a release.

    Raises:
        InputError: a file is missing, or does not have the published layout. The message names
            the file and, where one is wrong, the row.
    """
    for member in release.members:
        if not (folder / member.name).is_file():
            raise InputError(f"{folder / member.name} is missing; fetch {release.name} again")
    return READERS[release.members[0].name](folder, release)


def _read_tabs_and_pipes(folder: Path, release: Release) -> Tables:
    movie_columns = ["movieid", "title", "released", "video", "imdb", *ML_100K_GENRES]
    movies = _parse(folder / "u.item", release, "|", movie_columns)
    flags = movies[ML_100K_GENRES].to_numpy() == "1"
    names = np.array(ML_100K_GENRES)
    return Tables(
        users=_parse(
            folder / "u.user", release, "|", ["userid", "age", "gender", "occupation", "zip"]
        )[USER_COLUMNS],
        movies=_movies(movies, (names[row] for row in flags)),
        ratings=_parse(folder / "u.data", release, "\t", RATING_COLUMNS),
        rating_scale=release.rating_scale,
    )


def _read_two_colons(folder: Path, release: Release) -> Tables:
    movies = _parse(folder / "movies.dat", release, "::", ["movieid", "title", "genres"])
    ratings = _parse(folder / "ratings.dat", release, "::", RATING_COLUMNS)
    users_file = folder / "users.dat"
    return Tables(
        users=_parse(users_file, release, "::", USER_COLUMNS)
        if users_file.exists()
        else _users_from(ratings),
        movies=_movies(movies, movies["genres"].str.split("|")),
        ratings=ratings,
        rating_scale=release.rating_scale,
    )


def _read_csv(folder: Path, release: Release) -> Tables:
    movies = _parse(folder / "movies.csv", release, ",", ["movieid", "title", "genres"])
    ratings = _parse(folder / "ratings.csv", release, ",", RATING_COLUMNS)
    return Tables(
        users=_users_from(ratings),
        movies=_movies(movies, movies["genres"].str.split("|")),
        ratings=ratings,
        rating_scale=release.rating_scale,
    )


READERS: dict[str, Callable[[Path, Release], Tables]] = {
    "u.data": _read_tabs_and_pipes,
    "ratings.dat": _read_two_colons,
    "ratings.csv": _read_csv,
}


def _parse(path: Path, release: Release, separator: str, columns: list[str]) -> pd.DataFrame:
    source: pa.NativeFile | Path = path
    delimiter = separator
    if separator == "::":
        source = pa.BufferReader(path.read_bytes().replace(b"::", UNIT_SEPARATOR.encode()))
        delimiter = UNIT_SEPARATOR
    is_csv = path.suffix == ".csv"
    if is_csv:
        _check_header(path, columns)
    try:
        table = csv.read_csv(
            source,
            # With several threads the parser does not know the row of an error.
            csv.ReadOptions(
                use_threads=False,
                encoding=release.encoding,
                column_names=columns,
                skip_rows=1 if is_csv else 0,
            ),
            csv.ParseOptions(delimiter=delimiter, quote_char='"' if is_csv else False),
            # Without null values, an empty id is an error and an empty text stays a text.
            csv.ConvertOptions(
                column_types={name: COLUMN_TYPES.get(name, pa.string()) for name in columns},
                null_values=[],
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        reason = str(error).replace(UNIT_SEPARATOR, "::")
        raise InputError(
            f"{path}: {reason}; expected {separator!r} between {', '.join(columns)}"
        ) from error
    # With these options Arrow frees each column as soon as it is converted.
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _check_header(path: Path, columns: list[str]) -> None:
    # The published headers say userId and movieId. Excel begins a file with a byte order mark, and
    # R and pyarrow put quotes around names.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(text.reader(file), [])
    if [name.strip().lower() for name in header] != columns:
        found = ",".join(header)[:80]
        raise InputError(f"{path} line 1: {found!r}; expected {','.join(columns)!r}")


def _movies(movies: pd.DataFrame, genres: Iterable[Iterable[str]]) -> pd.DataFrame:
    movies = movies[["movieid", "title"]].copy()
    movies["genres"] = [[str(g) for g in listed if g not in NO_GENRES] for listed in genres]
    return movies


def _users_from(ratings: pd.DataFrame) -> pd.DataFrame:
    users = pd.DataFrame({"userid": np.unique(ratings["userid"])})
    return users.assign(gender=None, age=None, occupation=None, zip=None)
