"""What a user may like, and what is like a movie."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc
import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.models.checkpoint import load_checkpoint
from recsys.serving.pair_scorer import PairScorer
from recsys.storage import schemas
from recsys.storage.dimensions import Dimensions
from recsys.storage.origin import require_same_run
from recsys.storage.parquet import read_batches, read_metadata

# Of those that a user rated, how many are shown.
LIKED = 5
Record = dict[str, object]


def recommend(scorer: PairScorer, ratings: Path, userid: int, top: int) -> Record:
    """The movies with the highest scores among those that a user did not rate.

    Ratings of all parts count as rated. Movies without a rating in the training part are left
    out: of them the model knows little more than genres.

    Args:
        ratings: the file of `schemas.RATINGS`.
        userid: as published.

    Returns:
        user, rated (how many), in_training (whether the training part has one of them), liked
        (movies with the user's stars, highest first, the last ones first among equals),
        recommended (movies with scores)

    Raises:
        InputError: there is no such user, or the ratings are of another run.
    """
    dimensions = scorer.dimensions
    user = find_row(dimensions.raw_ids("users"), userid, "user")
    require_same_run(ratings, read_metadata(ratings), dimensions.folder, dimensions.origin)
    rated = read_ratings_of(user, ratings)
    candidates = scorer.known_movies.clone()
    candidates[rated["movie"].to_numpy()] = False
    movies = candidates.nonzero().squeeze(-1)
    scores = scorer.score(torch.full_like(movies, user), movies) if len(movies) else np.empty(0)
    best = np.argsort(-scores, kind="stable")[:top]
    liked = rated.sort_values(["rating", "timestamp"], ascending=False, kind="stable")[:LIKED]
    catalogue = list_movies(dimensions)
    return {
        "user": userid,
        "rated": len(rated),
        "in_training": bool(scorer.known_users[user]),
        "liked": _records(catalogue, liked["movie"], "rating", liked["rating"]),
        "recommended": _records(catalogue, movies.numpy()[best], "score", scores[best]),
    }


def find_similar(checkpoint: Path, movieid: int, top: int) -> Record:
    """The movies whose embeddings have the highest cosine with a movie's.

    Args:
        checkpoint: of a model with any features.
        movieid: as published.

    Returns:
        movie (itself), similar (movies with the cosine, 1 for the same direction)

    Raises:
        InputError: there is no such movie, the training part has no rating of it, or the model
            has no embeddings of movies.
    """
    model, description, dimensions = load_checkpoint(checkpoint)
    if "movieid" not in description.embedding_rows:
        raise InputError(f"{checkpoint} has no embeddings of movies: movieid is no feature of it")
    movie = find_row(dimensions.raw_ids("movies"), movieid, "movie")
    known = torch.from_numpy(dimensions.training_ratings["movies"] > 0)
    if not known[movie]:
        raise InputError(
            f"movie {movieid} has no rating in the training part: the model learnt nothing of it"
        )
    # Behind the row of "unknown".
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
    """Cosine of the angle between one of N vectors and each, [N]; 0 for a vector of zeros."""
    return torch.cosine_similarity(vectors, vectors[row : row + 1])


def list_movies(dimensions: Dimensions) -> pd.DataFrame:
    """The movies by row: movie (its id as published), title and genres (a list of names)."""
    names = np.array(dimensions.vocabulary.names["genres"])
    table = dimensions.tables["movies"].to_pandas()
    return pd.DataFrame(
        {
            "movie": table["raw_movieid"],
            "title": table["title"],
            "genres": [names[codes].tolist() for codes in table["genres"]],
        }
    )


def read_ratings_of(user: int, ratings: Path) -> pd.DataFrame:
    """A user's ratings of all parts: movie (row), rating and timestamp.

    Args:
        user: row.
    """
    columns = ["user", "movie", "rating", "timestamp"]
    pieces = read_batches(ratings, schemas.RATINGS, columns)
    found: pd.DataFrame = pd.concat(
        [piece.filter(pc.equal(piece["user"], user)).to_pandas() for piece in pieces],
        ignore_index=True,
    )
    return found


def find_row(known: npt.NDArray[np.integer], wanted: int, noun: str) -> int:
    """The place of an id among ascending ones. Raises: InputError: it is not there."""
    place = int(np.searchsorted(known, wanted))
    if place < len(known) and known[place] == wanted:
        return place
    nearest = " and ".join(str(i) for i in known[max(place - 1, 0) : place + 1])
    raise InputError(
        f"there is no {noun} {wanted}; the {len(known):,} {noun}s have ids from {known[0]} to "
        f"{known[-1]}, the nearest {nearest}"
    )


def _records(
    catalogue: pd.DataFrame, rows: npt.ArrayLike, name: str, values: npt.ArrayLike
) -> list[Record]:
    """Movies with a number each, as JSON has them."""
    numbers = [round(float(value), 4) for value in np.asarray(values)]
    return [
        {name: number, "movie": int(movie), "title": title, "genres": genres}
        for number, (movie, title, genres) in zip(
            numbers, catalogue.iloc[np.asarray(rows)].itertuples(index=False), strict=True
        )
    ]
