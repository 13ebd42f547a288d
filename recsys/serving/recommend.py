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
from recsys.serving.pairs import PairScorer, check_vocabulary, read_known
from recsys.storage import schemas
from recsys.storage.parquet import read_batches, read_parquet
from recsys.storage.vocabulary import Vocabulary

# Of those that a user rated, how many are shown.
LIKED = 5
Record = dict[str, object]


def recommend(scorer: PairScorer, encoded: Path, userid: int, top: int) -> Record:
    """The movies with the highest scores among those that a user did not rate.

    Ratings of all parts count as rated. Movies without a rating in the training part are left
    out: of them the model knows little more than genres.

    Args:
        encoded: the folder of encode.
        userid: as published.

    Returns:
        user, rated (how many), in_training (whether the training part has one of them), liked
        (movies with the user's stars, highest first, the last ones first among equals),
        recommended (movies with scores)

    Raises:
        InputError: there is no such user.
    """
    catalogue = read_catalogue(encoded)
    user = find_row(scorer.pairs.userids.numpy(), userid, "user")
    ratings = read_ratings_of(user + 1, encoded)
    rated = ratings["movieid"].to_numpy() - 1
    candidates = scorer.known_movies.clone()
    candidates[rated] = False
    movies = candidates.nonzero().squeeze(-1)
    scores = scorer.score(torch.full_like(movies, user), movies) if len(movies) else np.empty(0)
    best = np.argsort(-scores, kind="stable")[:top]
    liked = ratings.sort_values(["rating", "timestamp"], ascending=False, kind="stable")[:LIKED]
    return {
        "user": userid,
        "rated": len(ratings),
        "in_training": bool(scorer.known_users[user]),
        "liked": _records(catalogue, liked["movieid"] - 1, "rating", liked["rating"]),
        "recommended": _records(catalogue, movies.numpy()[best], "score", scores[best]),
    }


def find_similar(
    checkpoint: Path, encoded: Path, train_part: Path, movieid: int, top: int
) -> Record:
    """The movies whose embeddings point most nearly where a movie's does (cosine).

    Args:
        checkpoint, encoded, train_part: as of `PairScorer`; any features.
        movieid: as published.

    Returns:
        movie (itself), similar (movies with the cosine, 1 for the same direction)

    Raises:
        InputError: there is no such movie, the training part has no rating of it, or the model
            has no embeddings of movies.
    """
    model, description = load_checkpoint(checkpoint)
    check_vocabulary(description, checkpoint, encoded)
    if "movieid" not in description.features.sparse:
        raise InputError(f"{checkpoint} has no embeddings of movies: movieid is no feature of it")
    catalogue = read_catalogue(encoded)
    movie = find_row(catalogue["movie"].to_numpy(), movieid, "movie")
    known = read_known(train_part, "movie_row", len(catalogue))
    if not known[movie]:
        raise InputError(
            f"movie {movieid} has no rating in {train_part}: the model has learnt nothing of it"
        )
    # Behind the row of "unknown".
    table = model.dlrm.sparse_arch.embedding_bag_collection.embedding_bags["movieid"].weight[1:]
    cosines = cosines_to(table.detach(), movie)
    known[movie] = False
    others = known.nonzero().squeeze(-1)
    best = others[torch.argsort(cosines[others], descending=True, stable=True)[:top]]
    (itself,) = _records(catalogue, [movie], "cosine", [1])
    return {
        "movie": itself,
        "similar": _records(catalogue, best.numpy(), "cosine", cosines[best].numpy()),
    }


def cosines_to(vectors: Tensor, row: int) -> Tensor:
    """Cosine of the angle between one of N vectors and each, [N]; 0 for a vector of nothing."""
    return torch.cosine_similarity(vectors, vectors[row : row + 1])


def read_catalogue(encoded: Path) -> pd.DataFrame:
    """The movies by row: movie (its id as published), title and genres (a list of names)."""
    names = np.array(Vocabulary.load(encoded / "vocabulary.json").genres)
    table = read_parquet(encoded / "movies.parquet", schemas.MOVIES).to_pandas()
    return pd.DataFrame(
        {
            "movie": table["raw_movieid"],
            "title": table["title"],
            "genres": [names[codes].tolist() for codes in table["genres"]],
        }
    )


def read_ratings_of(userid: int, encoded: Path) -> pd.DataFrame:
    """A user's ratings of all parts: movieid (index), rating and timestamp.

    Args:
        userid: index.
    """
    columns = ["userid", "movieid", "rating", "timestamp"]
    pieces = read_batches(encoded / "ratings.parquet", schemas.RATINGS, columns)
    ratings: pd.DataFrame = pd.concat(
        [piece.filter(pc.equal(piece["userid"], userid)).to_pandas() for piece in pieces],
        ignore_index=True,
    )
    return ratings


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
