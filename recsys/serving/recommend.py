"""Recommends movies to a person, and finds movies that are similar to a movie."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.models.checkpoint import read_checkpoint
from recsys.serving.catalogue import Record, describe_movies, find_row, list_movies
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.person import Person
from recsys.serving.weights import TABLE

# How many of the movies that a person liked are shown.
LIKED = 5


def recommend(scorer: PairScorer, person: Person, top: int, moment: int | None = None) -> Record:
    """The movies with the highest scores among those that a person has not rated.

    A user's ratings in all parts count as rated. Movies without a training rating are left out,
    because the model knows little more than their genres.

    Args:
        top: the number of movies to recommend.
        moment: the time of the scores, in seconds since 1970; None for that of the person.

    Returns:
        user (None for a new person); rated (the number of ratings); in_training (whether the
        training part has a rating of the user); liked (movies with the person's stars, highest
        first, among equals the latest first); recommended (movies with their scores)
    """
    dimensions, rated = scorer.dimensions, person.rated
    candidates = scorer.known_movies.clone()
    candidates[rated["movie"].to_numpy(int)] = False
    movies = candidates.nonzero().squeeze(-1)
    scores = scorer.score(
        torch.full_like(movies, person.user),
        movies,
        torch.full_like(movies, person.moment if moment is None else moment),
        person.ratings,
    )
    best = np.argsort(-scores, kind="stable")[:top]
    liked = rated.sort_values(["rating", "timestamp"], ascending=False, kind="stable")[:LIKED]
    catalogue = scorer.catalogue
    is_new = person.user == len(scorer.userids)
    return {
        "user": None
        if is_new
        else dimensions.raw_ids("users")[person.user : person.user + 1].tolist()[0],
        "rated": len(rated),
        "in_training": not is_new and bool(scorer.known_users[person.user]),
        "liked": describe_movies(catalogue, liked["movie"], "rating", liked["rating"]),
        "recommended": describe_movies(catalogue, movies.numpy()[best], "score", scores[best]),
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
    weights, description, dimensions = read_checkpoint(checkpoint)
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
    cosines = cosines_to(weights[f"{TABLE}movieid.weight"][1:], movie)
    known[movie] = False
    others = known.nonzero().squeeze(-1)
    best = others[torch.argsort(cosines[others], descending=True, stable=True)[:top]]
    catalogue = list_movies(dimensions)
    (itself,) = describe_movies(catalogue, [movie], "cosine", [1])
    return {
        "movie": itself,
        "similar": describe_movies(catalogue, best.numpy(), "cosine", cosines[best].numpy()),
    }


def cosines_to(vectors: Tensor, row: int) -> Tensor:
    """The cosines between one of N vectors and each of them, [N]; 0 for a vector of zeros."""
    return torch.cosine_similarity(vectors, vectors[row : row + 1])
