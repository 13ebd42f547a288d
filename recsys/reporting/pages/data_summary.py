"""The data summary: ratings of each user, of each movie, of each genre."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from recsys.reporting.rendering.blocks import Fraction, Table
from recsys.storage import schemas
from recsys.storage.parquet import read_batches, read_parquet
from recsys.storage.schemas import RAW_IDS
from recsys.storage.vocabulary import Vocabulary

COLUMNS = ["user", "movie", "rating", "label", "timestamp"]
EDGES = np.array([f * 10**power for power in range(7) for f in (1, 2, 5)])
Counts = npt.NDArray[np.integer]


class Tally(NamedTuple):
    """What all ratings add up to.

    Attributes:
        of_user: the number of ratings of each user, [users]
        of_movie, likes: the number of ratings of each movie, and of those that are likes, [movies]
        stars: the sum of all ratings.
        first, last: the first and the last time, in seconds since 1970.
    """

    of_user: Counts
    of_movie: Counts
    likes: Counts
    stars: float
    first: int
    last: int


def summarise_data(encoded: Path) -> list[Table]:
    """Tables of the ratings in the folder `encoded`.

    Raises:
        InputError: a file of it is missing.
    """
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    users, movies = (
        read_parquet(encoded / f"{name}.parquet", vocabulary.schema(name)) for name in RAW_IDS
    )
    tally = count_ratings(encoded / "ratings", len(users), len(movies))
    of_user, of_movie = (counts[counts > 0] for counts in (tally.of_user, tally.of_movie))
    return [
        _summary(tally, of_user, of_movie),
        Table("Users by ratings", ["ratings", "users", "share"], histogram(of_user)),
        Table("Movies by ratings", ["ratings", "movies", "share"], histogram(of_movie)),
        *_lists(tally, movies, vocabulary),
    ]


def count_ratings(ratings: Path, users: int, movies: int) -> Tally:
    """Add the ratings up, in pieces.

    Args:
        users, movies: how many there are.
    """
    tally = Tally(
        of_user=np.zeros(users, np.int64),
        of_movie=np.zeros(movies, np.int64),
        likes=np.zeros(movies, np.int64),
        stars=0.0,
        first=np.iinfo(np.int64).max,
        last=np.iinfo(np.int64).min,
    )
    for batch in read_batches(ratings, schemas.RATINGS, COLUMNS):
        user, movie, rating, label, seconds = (column.to_numpy() for column in batch.columns)
        if len(user):
            tally = Tally(
                tally.of_user + np.bincount(user, minlength=users),
                tally.of_movie + np.bincount(movie, minlength=movies),
                tally.likes + np.bincount(movie[label == 1], minlength=movies),
                tally.stars + float(rating.sum(dtype=np.float64)),
                min(tally.first, int(seconds.min())),
                max(tally.last, int(seconds.max())),
            )
    return tally


def _summary(tally: Tally, of_user: Counts, of_movie: Counts) -> Table:
    # NumPy has no limit of years, which datetime has.
    first, last = (
        str(np.datetime64(second, "s").astype("datetime64[D]"))
        for second in (tally.first, tally.last)
    )
    count = int(of_user.sum())
    rows = [
        ["ratings", f"{count:,}"],
        ["users", f"{len(of_user):,}"],
        ["rated movies", f"{len(of_movie):,}"],
        ["share of all pairs", f"{count / (len(of_user) * len(of_movie)):.2%}"],
        ["mean stars", f"{tally.stars / count:.3f}"],
        ["liked", f"{tally.likes.sum() / count:.1%}"],
        ["of a user: least, median, most", _range(of_user)],
        ["of a movie: least, median, most", _range(of_movie)],
        ["from, to", f"{first}, {last}"],
    ]
    return Table("Ratings", ["", "value"], rows)


def _range(counts: Counts) -> str:
    return f"{counts.min():,}, {np.median(counts):,.0f}, {counts.max():,}"


def histogram(counts: Counts) -> list[tuple[str, int, Fraction]]:
    """The number and the fraction of the counts in the bins 1, 2 to 4, 5 to 9, 10 to 19, ...

    Empty bins at both ends are left out.
    """
    bins = np.searchsorted(EDGES, counts, side="right") - 1
    sizes = np.bincount(bins)
    return [
        (
            f"{low:,}" if low == high else f"{low:,} to {high:,}",
            int(sizes[i]),
            Fraction(sizes[i] / len(counts)),
        )
        for i in range(bins.min(), bins.max() + 1)
        for low, high in [(EDGES[i], EDGES[i + 1] - 1)]
    ]


def _lists(tally: Tally, movies: pa.Table, vocabulary: Vocabulary) -> Iterator[Table]:
    """A table for each list feature of the movies, such as genres."""
    for feature in vocabulary.features:
        if feature.table == "movies" and feature.kind == "list":
            codes = movies[feature.column].to_pandas()
            yield _list_table(tally, feature.name, codes, vocabulary.names[feature.name])


def _list_table(tally: Tally, name: str, codes: pd.Series, names: tuple[str, ...]) -> Table:
    """A rating counts for each value in the list of its movie."""
    listed = codes.explode().dropna().rename("code").to_frame()
    of_movie = pd.DataFrame({"size": tally.of_movie, "sum": tally.likes})
    counts = (
        listed.join(of_movie)
        .groupby("code")
        .agg(movies=("size", "size"), ratings=("size", "sum"), likes=("sum", "sum"))
        .sort_values("ratings", ascending=False)
    )
    rows = [
        [names[int(code)], int(movies), int(rated), Fraction(likes / max(rated, 1))]
        for code, movies, rated, likes in counts.itertuples()
    ]
    return Table(name.capitalize(), [name, "movies", "ratings", "liked"], rows)
