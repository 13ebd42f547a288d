"""What the ratings are: how many of a user, of a movie, of a genre."""

import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys.reporting.blocks import Bar, Bars, Block, Share, Table
from recsys.storage import schemas
from recsys.storage.parquet import read_column, read_parquet
from recsys.storage.vocabulary import Vocabulary

COLUMNS = ("userid", "movieid", "rating", "label", "timestamp")
EDGES = np.array([f * 10**power for power in range(7) for f in (1, 2, 5)])
Counts = npt.NDArray[np.integer]


def census(encoded: Path) -> list[Block]:
    """Tables and bars of the ratings in the folder `encoded`.

    Raises:
        InputError: a file of it is missing.
    """
    path = encoded / "ratings.parquet"
    ratings = pd.DataFrame({name: read_column(path, schemas.RATINGS, name) for name in COLUMNS})
    of_user = ratings["userid"].value_counts().to_numpy()
    of_movie = ratings["movieid"].value_counts().to_numpy()
    return [
        _summary(ratings, of_user, of_movie),
        Bars("Ratings of a user", "users", histogram(of_user)),
        Bars("Ratings of a movie", "movies", histogram(of_movie)),
        _genres(ratings, encoded),
    ]


def _summary(ratings: pd.DataFrame, of_user: Counts, of_movie: Counts) -> Table:
    first, last = (
        datetime.datetime.fromtimestamp(int(second), datetime.timezone.utc).date().isoformat()
        for second in (ratings["timestamp"].min(), ratings["timestamp"].max())
    )
    pairs = len(of_user) * len(of_movie)
    rows: list[list[object]] = [
        ["ratings", f"{len(ratings):,}"],
        ["users", f"{len(of_user):,}"],
        ["rated movies", f"{len(of_movie):,}"],
        ["of all pairs", f"{len(ratings) / pairs:.2%}"],
        ["mean stars", f"{ratings['rating'].mean():.3f}"],
        ["liked", f"{ratings['label'].mean():.1%}"],
        ["of a user: least, median, most", _range(of_user)],
        ["of a movie: least, median, most", _range(of_movie)],
        ["from, to", f"{first}, {last}"],
    ]
    return Table("Ratings", ["", "value"], rows)


def _range(counts: Counts) -> str:
    return f"{counts.min():,}, {np.median(counts):,.0f}, {counts.max():,}"


def histogram(counts: Counts) -> list[Bar]:
    """How many counts are from 1 to 1, 2 to 4, 5 to 9, 10 to 19, ...; empty ends are left out."""
    bins = np.searchsorted(EDGES, counts, side="right") - 1
    sizes = np.bincount(bins)
    return [
        Bar(f"{low:,}" if low == high else f"{low:,} to {high:,}", int(sizes[i]))
        for i in range(bins.min(), bins.max() + 1)
        for low, high in [(EDGES[i], EDGES[i + 1] - 1)]
    ]


def _genres(ratings: pd.DataFrame, encoded: Path) -> Table:
    """A rating counts for each genre of its movie."""
    names = np.array(Vocabulary.load(encoded / "vocabulary.json").genres, object)
    movies = read_parquet(encoded / "movies.parquet", schemas.MOVIES).to_pandas()
    listed = movies[["movieid", "genres"]].explode("genres").dropna()
    judged = ratings.groupby("movieid")["label"].agg(["size", "sum"])
    listed = listed.join(judged, on="movieid").fillna({"size": 0, "sum": 0})
    genres = listed.groupby("genres").agg(
        movies=("movieid", "size"), ratings=("size", "sum"), likes=("sum", "sum")
    )
    rows = [
        [
            names[int(code)],
            int(row.movies),
            int(row.ratings),
            Share(row.likes / max(row.ratings, 1)),
        ]
        for code, row in genres.sort_values("ratings", ascending=False).iterrows()
    ]
    return Table("Genres", ["genre", "movies", "ratings", "liked"], rows)
