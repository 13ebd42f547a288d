"""The data summary: ratings of each user, of each movie, of each genre."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.reporting.rendering.blocks import Fraction, Table
from recsys.storage import schemas
from recsys.storage.parquet import read_column, read_parquet
from recsys.storage.vocabulary import Vocabulary

COLUMNS = ("user", "movie", "rating", "label", "timestamp")
EDGES = np.array([f * 10**power for power in range(7) for f in (1, 2, 5)])
Counts = npt.NDArray[np.integer]


def summarise_data(encoded: Path) -> list[Table]:
    """Tables of the ratings in the folder `encoded`.

    Raises:
        InputError: a file of it is missing.
    """
    path = encoded / "ratings"
    ratings = pd.DataFrame({name: read_column(path, schemas.RATINGS, name) for name in COLUMNS})
    of_user = ratings["user"].value_counts().to_numpy()
    of_movie = ratings["movie"].value_counts().to_numpy()
    return [
        _summary(ratings, of_user, of_movie),
        Table("Users by ratings", ["ratings", "users", "share"], histogram(of_user)),
        Table("Movies by ratings", ["ratings", "movies", "share"], histogram(of_movie)),
        *_lists(ratings, encoded),
    ]


def _summary(ratings: pd.DataFrame, of_user: Counts, of_movie: Counts) -> Table:
    # NumPy has no limit of years, which datetime has.
    first, last = (
        str(np.datetime64(int(second), "s").astype("datetime64[D]"))
        for second in (ratings["timestamp"].min(), ratings["timestamp"].max())
    )
    pairs = len(of_user) * len(of_movie)
    rows = [
        ["ratings", f"{len(ratings):,}"],
        ["users", f"{len(of_user):,}"],
        ["rated movies", f"{len(of_movie):,}"],
        ["share of all pairs", f"{len(ratings) / pairs:.2%}"],
        ["mean stars", f"{ratings['rating'].mean():.3f}"],
        ["liked", f"{ratings['label'].mean():.1%}"],
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


def _lists(ratings: pd.DataFrame, encoded: Path) -> Iterator[Table]:
    """A table for each list feature of the movies, such as genres."""
    vocabulary = Vocabulary.load(encoded / "vocabulary.json")
    movies = read_parquet(encoded / "movies.parquet", vocabulary.schema("movies")).to_pandas()
    for feature in vocabulary.features:
        if feature.table == "movies" and feature.kind == "list":
            codes = movies[feature.column]
            yield _list_table(ratings, feature.name, codes, vocabulary.names[feature.name])


def _list_table(
    ratings: pd.DataFrame, name: str, codes: pd.Series, names: tuple[str, ...]
) -> Table:
    """A rating counts for each value in the list of its movie."""
    listed = codes.explode().dropna().rename("code").to_frame()
    of_movie = ratings.groupby("movie")["label"].agg(["size", "sum"])
    counts = (
        listed.join(of_movie)
        .fillna({"size": 0, "sum": 0})
        .groupby("code")
        .agg(movies=("size", "size"), ratings=("size", "sum"), likes=("sum", "sum"))
        .sort_values("ratings", ascending=False)
    )
    rows = [
        [names[int(code)], int(movies), int(rated), Fraction(likes / max(rated, 1))]
        for code, movies, rated, likes in counts.itertuples()
    ]
    return Table(name.capitalize(), [name, "movies", "ratings", "liked"], rows)
