"""Recommends movies to a person, and finds movies that are similar to a movie."""

from pathlib import Path

import numpy as np

from recsys.common.errors import InputError
from recsys.models.answers import Answers
from recsys.models.checkpoint import read_checkpoint
from recsys.retrieval.model import RetrievalModel
from recsys.serving.catalogue import Record, list_movies, movie_records
from recsys.serving.people.history import to_histories
from recsys.serving.people.person import Person
from recsys.serving.recommend.options import DEFAULT_OPTIONS, RecommendOptions
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.titles import find_movie
from recsys.storage.dimensions import Dimensions

# How many of the movies that a person liked are shown, and how many reasons for a recommendation.
LIKED, REASONS = 5, 2


def recommend(
    recommender: Recommender,
    person: Person,
    top: int,
    as_of: int | None = None,
    options: RecommendOptions = DEFAULT_OPTIONS,
) -> Record:
    """The best movies that a person has not rated, as `Recommender` ranks them.

    A user's ratings in all parts count. Ratings at or after the time of the question do not, unless
    the model has features of a random split, which take all ratings.

    Args:
        top: the number of movies to recommend.
        as_of: the time of the question, in seconds since 1970; None for the person's `as_of`.

    Returns:
        user (None for a new person); rated (the number of ratings that count); in_training (whether
        the training part has a rating of the user); liked (movies with the person's stars, highest
        first, among equals the latest first); recommended (movies, best first, with P(like) as
        their score; the expected stars, None if the model has the label's threshold alone; and the
        titles of the person's movies that weigh most)
    """
    dimensions, catalogue = recommender.dimensions, recommender.catalogue
    if as_of is not None:
        person = person.at(as_of, recommender.scorer.past_only)
    history = person.history
    histories = to_histories(history, np.zeros(len(history.movie), np.int64), 1, dimensions)
    ranking = recommender.rank(
        np.array([person.user]), histories, top, np.array([person.as_of]), person.ratings, options
    )
    ranked = ranking.movies >= 0
    movies, answers = ranking.movies[ranked], Answers(ranking.likes, ranking.stars).take(ranked)
    recommended = movie_records(catalogue, movies, score=answers.likes, stars=answers.stars)
    for record, movie in zip(recommended, movies, strict=True):
        reasons = recommender.retrieval.find_reasons(np.sort(history.movie), movie, REASONS)
        record["because"] = catalogue["title"].iloc[reasons].tolist()
    liked = history.take(np.lexsort((-history.seconds, -history.stars))[:LIKED])
    counts = dimensions.training_ratings["users"]
    is_new = person.user == len(counts)
    return {
        "user": None if is_new else dimensions.ids["users"].take([person.user])[0],
        "rated": len(history.movie),
        "in_training": not is_new and bool(counts[person.user] > 0),
        "liked": movie_records(catalogue, liked.movie, rating=liked.stars),
        "recommended": recommended,
    }


def read_similar(checkpoint: Path, retrieval: Path, wanted: str | int, top: int) -> Record:
    """As `find_similar`, by the users and movies of a checkpoint. The DLRM itself is not built.

    Args:
        checkpoint, retrieval: the folders of the two models of a run.
    """
    dimensions = read_checkpoint(checkpoint).dimensions
    model = RetrievalModel.load(retrieval, dimensions.folder, dimensions.lineage)
    return find_similar(model, dimensions, wanted, top)


def find_similar(
    retrieval: RetrievalModel, dimensions: Dimensions, wanted: str | int, top: int
) -> Record:
    """The movies with the largest retrieval weights between them and a movie.

    Args:
        wanted: the published id, or words of the title.
        top: the number of similar movies.

    Returns:
        movie (the movie itself); similar (movies with their weight, which is above 0); others
        (movies whose titles match too, each with its number of ratings; empty for an id)

    Raises:
        InputError: there is no such movie, or the training part has no rating of it.
    """
    movie, *others = find_movie(dimensions, wanted)
    catalogue = list_movies(dimensions)
    (itself,) = movie_records(catalogue, [movie], weight=[1])
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
        "similar": movie_records(catalogue, best, weight=weights[best]),
        "others": movie_records(catalogue, others, ratings=ratings),
    }
