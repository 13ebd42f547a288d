"""Check the tables of a release, and name the first row that is wrong."""

import numpy as np
import pandas as pd

from recsys.common.errors import InputError
from recsys.data.readers import Tables
from recsys.sources.releases import Release


def check_tables(tables: Tables, release: Release) -> None:
    """Check the values, the ids and, where a release publishes them, the counts.

    Raises:
        InputError: something is wrong. The message names the file, the line (from 1) and the value.
    """
    files = [member.name for member in release.members]
    if len(files) > 2:
        _check_users(tables.users, files[2])
    _check_movies(tables.movies, files[1])
    _check_ratings(tables, release, files[0])
    if release.published_counts:
        _check_published_counts(tables, release)


def _check_users(users: pd.DataFrame, file: str) -> None:
    _require(users["userid"] >= 1, users, file, "userid", "is not a positive id")
    _require(~users["userid"].duplicated(), users, file, "userid", "occurs twice")
    _require(users["gender"].isin(["F", "M"]), users, file, "gender", "is neither F nor M")
    plausible = users["age"].between(0, 120)
    _require(plausible, users, file, "age", "is not between 0 and 120 years")


def _check_movies(movies: pd.DataFrame, file: str) -> None:
    _require(movies["movieid"] >= 1, movies, file, "movieid", "is not a positive id")
    _require(~movies["movieid"].duplicated(), movies, file, "movieid", "occurs twice")
    _require(movies["title"] != "", movies, file, "title", "is empty")


def _check_ratings(tables: Tables, release: Release, file: str) -> None:
    ratings = tables.ratings
    if ratings.empty:
        raise InputError(f"{file} has no ratings; fetch {release.name} again")
    scale = release.rating_scale
    on_scale = ratings["rating"].between(scale.lowest, scale.highest)
    on_scale &= ratings["rating"] % scale.step == 0
    _require(on_scale, ratings, file, "rating", f"is not on the scale of {scale}")
    _require(ratings["timestamp"] > 0, ratings, file, "timestamp", "is not a time after 1970")
    _require(ratings["userid"] >= 1, ratings, file, "userid", "is not a positive id")
    for key, table in (("userid", tables.users), ("movieid", tables.movies)):
        known = ratings[key].isin(table[key])
        _require(known, ratings, file, key, f"is not in the {key.removesuffix('id')}s table")
    pairs = ratings["userid"].to_numpy(np.int64) << 32 | ratings["movieid"].to_numpy(np.int64)
    pairs.sort()
    # `duplicated` builds a hash table larger than the ratings, so it runs only if there is a pair.
    if (pairs[1:] == pairs[:-1]).any():
        again = ratings.duplicated(["userid", "movieid"])
        _require(~again, ratings, file, "movieid", "was rated by the same user before")


def _require(holds: pd.Series, table: pd.DataFrame, file: str, column: str, problem: str) -> None:
    if holds.all():
        return
    row = int(np.argmin(holds.to_numpy(bool)))
    # Line 1 of a CSV file is its header.
    line = row + 1 + file.endswith(".csv")
    others = int((~holds).sum()) - 1
    raise InputError(
        f"{file} line {line}: {column} {table[column].iloc[row]} {problem}"
        + (f" (and {others:,} more lines)" if others else "")
        + "; correct the file or fetch it again"
    )


def _check_published_counts(tables: Tables, release: Release) -> None:
    published = release.published_counts
    assert published is not None
    stars = tables.ratings["rating"].to_numpy(int)
    timestamps = tables.ratings["timestamp"]
    found = {
        "users": len(tables.users),
        "movies": len(tables.movies),
        "rated_movies": tables.ratings["movieid"].nunique(),
        "genres": len({name for listed in tables.movies["genres"] for name in listed}),
        "largest_movieid": int(tables.movies["movieid"].max()),
        "rating_counts": tuple(np.bincount(stars, minlength=6)[1:].tolist()),
        "timestamps": (int(timestamps.min()), int(timestamps.max())),
    }
    for name, value in found.items():
        expected = getattr(published, name)
        if value != expected:
            raise InputError(
                f"{release.name}: {name} is {value}, published {expected}; the files are not "
                "the published ones: fetch them again"
            )
