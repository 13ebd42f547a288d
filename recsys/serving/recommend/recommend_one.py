"""Recommends movies to a person, and finds movies that are similar to a movie."""

from typing import Any

import numpy as np

from recsys.common.errors import InputError
from recsys.retrieval.model import RetrievalModel
from recsys.serving.catalogue import Record, describe_movies, list_movies
from recsys.serving.people.person import Person
from recsys.serving.recommend.options import NO_WISHES, Wishes
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.titles import find_movie
from recsys.storage.dimensions import Dimensions

# How many of the movies that a person liked are shown, and how many reasons for a recommendation.
LIKED, REASONS = 5, 2


def recommend(
    recommender: Recommender,
    person: Person,
    top: int,
    moment: int | None = None,
    wishes: Wishes = NO_WISHES,
) -> Record:
    """The best movies that a person has not rated, as `Recommender` ranks them.

    A user's ratings in all parts count, but none after the time of the question, unless features
    of a random split take all of them.

    Args:
        top: the number of movies to recommend.
        moment: the time of the question, in seconds since 1970; None for that of the person.

    Returns:
        user (None for a new person); rated (the number of ratings that count); in_training (whether
        the training part has a rating of the user); liked (movies with the person's stars, highest
        first, among equals the latest first); recommended (movies, best first, with P(like) or
        expected stars as their score, and the titles of the person's movies that weigh most)
    """
    scorer = recommender.scorer
    if moment is not None:
        person = person.at(moment, scorer)
    rated = person.rated
    history = person.history(scorer)
    (movies,), _, (scores,) = recommender.rank(
        np.array([person.user]),
        history,
        top,
        np.array([person.moment]),
        person.ratings,
        wishes,
    )
    movies, scores = movies[movies >= 0], scores[movies >= 0]
    liked = rated.sort_values(["rating", "timestamp"], ascending=False, kind="stable")[:LIKED]
    catalogue = scorer.catalogue
    is_new = person.user == len(scorer.userids)
    recommended = describe_movies(catalogue, movies, "score", scores)
    for record, movie in zip(recommended, movies, strict=True):
        reasons = recommender.retrieval.find_reasons(np.sort(history.movie), movie, REASONS)
        record["because"] = catalogue["title"].iloc[reasons].tolist()
    ids: Any = scorer.dimensions.raw_ids("users")
    return {
        "user": None if is_new else ids[person.user : person.user + 1].tolist()[0],
        "rated": len(rated),
        "in_training": not is_new and bool(scorer.known_users[person.user]),
        "liked": describe_movies(catalogue, liked["movie"], "rating", liked["rating"]),
        "recommended": recommended,
    }


def find_similar(
    retrieval: RetrievalModel, dimensions: Dimensions, wanted: str | int, top: int
) -> Record:
    """The movies with the largest retrieval weights between them and a movie.

    Args:
        wanted: the published id, or words of the title.
        top: the number of similar movies.

    Returns:
        movie (the movie itself); similar (movies with their weight; 0 is nothing in common); others
        (movies whose titles match too, each with its number of ratings; empty for an id)

    Raises:
        InputError: there is no such movie, or the training part has no rating of it.
    """
    movie, *others = find_movie(dimensions, wanted)
    catalogue = list_movies(dimensions)
    (itself,) = describe_movies(catalogue, [movie], "weight", [1])
    if movie not in retrieval.movies:
        raise InputError(
            f"movie {itself['movie']} has no rating in the training part, or too few, so nothing "
            "is known about it; choose another movie"
        )
    weights = retrieval.find_similar(movie)
    weights[movie] = -np.inf
    best = np.argsort(-weights, kind="stable")[:top]
    best = best[weights[best] > 0]
    ratings = dimensions.training_ratings["movies"][others]
    return {
        "movie": itself,
        "similar": describe_movies(catalogue, best, "weight", weights[best]),
        "others": describe_movies(catalogue, others, "ratings", ratings),
    }
