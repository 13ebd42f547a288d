"""Recommends movies to a user, and finds movies that are similar to a movie."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc
import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.models.checkpoint import load_checkpoint
from recsys.serving.pair_scorer import PairScorer
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.origin import require_same_run
from recsys.storage.parquet import read_batches, read_metadata
from recsys.storage.vocabulary import is_integer

# How many of the movies that a user liked are shown.
LIKED = 5
Record = dict[str, object]


def recommend(scorer: PairScorer, ratings: Path, userid: str | int, top: int) -> Record:
    """The movies with the highest scores among those that a user has not rated.

    The user's ratings in all parts count as rated. Movies without a training rating are left out,
    because the model knows little more than their genres.

    Args:
        ratings: a file with the columns of `schemas.RATINGS`.
        userid: the published id.
        top: the number of movies to recommend.

    Returns:
        user; rated (the number of the user's ratings); in_training (whether one of them is in the
        training part); liked (movies with the user's stars, highest first, among equals the latest
        first); recommended (movies with their scores)

    Raises:
        InputError: there is no such user, or the ratings belong to another run.
    """
    dimensions = scorer.dimensions
    user = find_row(dimensions.raw_ids("users"), userid, "user")
    require_same_run(ratings, read_metadata(ratings), dimensions.folder, dimensions.origin)
    rated = read_ratings_of(user, ratings)
    if dimensions.vocabulary.drawn_negatives:
        # The user has no interaction with the items that were drawn: they may be recommended.
        rated = rated[rated["label"] == 1]
    candidates = scorer.known_movies.clone()
    candidates[rated["movie"].to_numpy()] = False
    movies = candidates.nonzero().squeeze(-1)
    scores = scorer.score(torch.full_like(movies, user), movies) if len(movies) else np.empty(0)
    best = np.argsort(-scores, kind="stable")[:top]
    liked = rated.sort_values(["rating", "timestamp"], ascending=False, kind="stable")[:LIKED]
    catalogue = list_movies(dimensions)
    return {
        "user": scorer.dimensions.raw_ids("users")[user : user + 1].tolist()[0],
        "rated": len(rated),
        "in_training": bool(scorer.known_users[user]),
        "liked": _records(catalogue, liked["movie"], "rating", liked["rating"]),
        "recommended": _records(catalogue, movies.numpy()[best], "score", scores[best]),
    }


def find_similar(checkpoint: Path, movieid: str | int, top: int) -> Record:
    """The movies whose embeddings have the highest cosine with that of a movie.

    Args:
        checkpoint: the folder that train wrote; the model may have any features.
        movieid: the published id.
        top: the number of similar movies.

    Returns:
        movie (the movie itself); similar (movies with their cosine, 1 for the same direction)

    Raises:
        InputError: there is no such movie, the training part has no rating of it, or the model
            has no embeddings of movies.
    """
    model, description, dimensions = load_checkpoint(checkpoint)
    if "movieid" not in description.embedding_rows:
        raise InputError(
            f"{checkpoint} has no embeddings of movies; train a model with the feature movieid"
        )
    movie = find_row(dimensions.raw_ids("movies"), movieid, "movie")
    known = torch.from_numpy(dimensions.training_ratings["movies"] > 0)
    if not known[movie]:
        raise InputError(
            f"movie {movieid} has no rating in the training part, so the model learnt nothing "
            "about it; choose another movie"
        )
    # The first row of the table is that of unknown movies.
    table = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags["movieid"].weight[1:]
    cosines = cosines_to(table.detach(), movie)
    known[movie] = False
    others = known.nonzero().squeeze(-1)
    best = others[torch.argsort(cosines[others], descending=True, stable=True)[:top]]
    catalogue = list_movies(dimensions)
    (itself,) = _records(catalogue, [movie], "cosine", [1])
    return {
        "movie": itself,
        "similar": _records(catalogue, best.numpy(), "cosine", cosines[best].numpy()),
    }


def cosines_to(vectors: Tensor, row: int) -> Tensor:
    """The cosines between one of N vectors and each of them, [N]; 0 for a vector of zeros."""
    return torch.cosine_similarity(vectors, vectors[row : row + 1])


def list_movies(dimensions: Dimensions) -> pd.DataFrame:
    """The movies in the order of their rows: movie (its published id), title and genres (names)."""
    table = dimensions.tables["movies"].to_pandas()
    genres: list[list[str]] = [[] for _ in range(len(table))]
    for feature in dimensions.vocabulary.features:
        if feature.table == "movies" and feature.kind == "list":
            names = np.array(dimensions.vocabulary.names[feature.name], object)
            for listed, codes in zip(genres, table[feature.column], strict=True):
                listed += names[codes].tolist()
    return pd.DataFrame({"movie": table["raw_movieid"], "title": table["title"], "genres": genres})


def read_ratings_of(user: int, ratings: Path) -> pd.DataFrame:
    """A user's ratings in all parts: movie (its row), rating, label and timestamp.

    Args:
        user: the user's row.
    """
    columns = ["user", "movie", "rating", "label", "timestamp"]
    pieces = read_batches(ratings, schemas.RATINGS, columns)
    found: pd.DataFrame = pd.concat(
        [piece.filter(pc.equal(piece["user"], user)).to_pandas() for piece in pieces],
        ignore_index=True,
    )
    return found


def find_row(known: npt.NDArray[Any], wanted: str | int, noun: str) -> int:
    """The row of an id.

    Args:
        known: the ids of all rows, integers or texts, ascending.
        noun: user or movie, for the message.

    Raises:
        InputError: there is no such id.
    """
    is_text = known.dtype == object
    if not is_text and not is_integer(str(wanted)):
        raise InputError(
            f"there is no {noun} {show(wanted)}: the {len(known):,} {noun}s have whole numbers as "
            f"ids, from {known[0]} to {known[-1]}"
        )
    wanted = str(wanted) if is_text else int(wanted)
    row = int(np.searchsorted(known, wanted))
    if row < len(known) and known[row] == wanted:
        return row
    nearest = " and ".join(str(i) for i in known[max(row - 1, 0) : row + 1])
    raise InputError(
        f"there is no {noun} {show(wanted)}; the {len(known):,} {noun}s have ids from {known[0]} "
        f"to {known[-1]}, the nearest {nearest}"
    )


def _records(
    catalogue: pd.DataFrame, rows: npt.ArrayLike, name: str, values: npt.ArrayLike
) -> list[Record]:
    """Movies, each with a number, as values that JSON can hold."""
    numbers = [round(float(value), 4) for value in np.asarray(values)]
    return [
        {
            name: number,
            "movie": movie if isinstance(movie, str) else int(movie),
            "title": title,
            "genres": genres,
        }
        for number, (movie, title, genres) in zip(
            numbers, catalogue.iloc[np.asarray(rows)].itertuples(index=False), strict=True
        )
    ]
