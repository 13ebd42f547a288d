import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys.common.errors import InputError
from recsys.retrieval.model import RetrievalModel
from recsys.serving.catalogue import Record
from recsys.serving.people.history import UserHistory
from recsys.serving.people.person import find_end, find_person
from recsys.serving.recommend.options import RecommendOptions
from recsys.serving.recommend.ranking import MIN_RETRIEVAL_SCORE
from recsys.serving.recommend.recommend_one import find_similar, recommend
from recsys.serving.recommend.recommender import Recommender
from tests.histories import make_histories
from tests.runs import NEW_MOVIE, NEW_USER, UNRATED_MOVIE, Run, find_rows
from tests.toy import Toy

USER = 3


@pytest.fixture
def recommender(run: Run) -> Recommender:
    return Recommender.load(run.checkpoint, None, run.retrieval)


def recommend_to(recommender: Recommender, run: Run, user: int | None, top: int) -> Record:
    return recommend(recommender, find_person(recommender.scorer, run.ratings, user), top)


def rows_of(recommender: Recommender, found: list[Record]) -> np.ndarray:
    """The rows of the movies table of some recommended movies."""
    return find_rows(recommender.scorer, "movies", [movie["movie"] for movie in found]).numpy()


def test_a_user_gets_the_unrated_movies(run: Run, recommender: Recommender, toy: Toy) -> None:
    rated = {movie for user, movie, *_ in toy.ratings if user == USER}
    unrated = {movie for movie, *_ in toy.movies} - rated
    found = recommend_to(recommender, run, USER, 1000)
    assert (found["user"], found["rated"], found["in_training"]) == (USER, len(rated), True)
    movies = [movie["movie"] for movie in found["recommended"]]
    assert sorted(movies) == sorted(unrated)
    users = find_rows(recommender.scorer, "users", [USER] * len(movies))
    rows = torch.from_numpy(rows_of(recommender, found["recommended"]))
    expected = recommender.scorer.score(users, rows)
    for name, answer in zip(("score", "stars"), expected, strict=True):
        assert np.allclose([movie[name] for movie in found["recommended"]], answer, atol=1e-4)
    assert recommend_to(recommender, run, USER, 3)["recommended"] == found["recommended"][:3]


def test_the_order_is_retrieval_times_a_power_of_the_probability(
    run: Run, recommender: Recommender
) -> None:
    found = recommend_to(recommender, run, USER, 1000)["recommended"]
    rows = rows_of(recommender, found)
    retrieval = recommender.retrieval
    rated = find_person(recommender.scorer, run.ratings, USER).history.movie
    history = make_histories([rated.tolist()], len(retrieval.ratings))
    retrieval_scores = np.maximum(retrieval.score_all(history)[0, rows], MIN_RETRIEVAL_SCORE)
    likes = np.array([movie["score"] for movie in found])
    assert (np.diff(np.log(retrieval_scores) + 0.5 * np.log(likes)) < 1e-3).all()


def test_few_candidates_keep_the_best_by_retrieval(run: Run, recommender: Recommender) -> None:
    first = {movie["movie"] for movie in recommend_to(recommender, run, USER, 1000)["recommended"]}
    recommender.params = recommender.params.model_copy(update={"candidates": 4})
    found = recommend_to(recommender, run, USER, 4)["recommended"]
    recommender.params = recommender.params.model_copy(update={"like_weight": 0.0})
    by_retrieval = recommend_to(recommender, run, USER, 4)["recommended"]
    assert {movie["movie"] for movie in found} == {movie["movie"] for movie in by_retrieval} < first


def test_reasons_are_the_users_movies_that_weigh_most(run: Run, recommender: Recommender) -> None:
    rated = find_person(recommender.scorer, run.ratings, USER).history.movie
    titles, retrieval = recommender.catalogue["title"], recommender.retrieval
    for movie in recommend_to(recommender, run, USER, 5)["recommended"]:
        row = int(find_rows(recommender.scorer, "movies", [movie["movie"]]))
        weights = {
            titles[other]: retrieval.weights[
                np.searchsorted(retrieval.movies, other), np.searchsorted(retrieval.movies, row)
            ]
            for other in rated
        }
        best = sorted((w for w in weights.values() if w > 0), reverse=True)[:2]
        assert [weights[title] for title in movie["because"]] == best


def test_popularity_adds_the_logarithm_of_the_number_of_ratings(
    run: Run, recommender: Recommender
) -> None:
    users, history = np.array([0]), make_histories([[]], len(recommender.retrieval.ratings))
    (usual,), (scores,), *_ = recommender.rank(users, history, 100)
    counts = np.maximum(recommender.retrieval.ratings, 1)
    for weight in (-1.0, 0.5):
        options = RecommendOptions(popularity=weight)
        (movies,), (shifted,), *_ = recommender.rank(users, history, 100, options=options)
        order = np.argsort(-(scores + weight * np.log(counts[usual])), kind="stable")
        np.testing.assert_array_equal(movies, usual[order])
        np.testing.assert_allclose(shifted, (scores + weight * np.log(counts[usual]))[order], 1e-5)


def test_diverse_lists_begin_alike_and_are_less_similar(run: Run, recommender: Recommender) -> None:
    users, history = np.array([0]), make_histories([[]], len(recommender.retrieval.ratings))

    def similarity(diversity: float) -> float:
        options = RecommendOptions(diversity=diversity)
        lists = recommender.rank(users, history, 8, options=options).movies[0]
        assert len(set(lists)) == 8
        assert lists[0] == usual
        return np.maximum(recommender.retrieval.compare(lists[:, None], lists), 0).sum()

    usual = recommender.rank(users, history, 1).movies[0, 0]
    assert similarity(0) == similarity(1e-6) > similarity(0.9)


def test_a_list_of_few_movies_ends_early(run: Run, recommender: Recommender) -> None:
    options = RecommendOptions(years=(1955, 1957), popularity=0.5, diversity=0.5)
    found = recommend(
        recommender, find_person(recommender.scorer, run.ratings, None), 10, None, options
    )["recommended"]
    years = sorted(movie["title"][-5:-1] for movie in found)
    assert years == ["1955", "1956", "1957"]


def test_liked_movies_are_sorted_by_stars_then_by_time(
    run: Run, recommender: Recommender, toy: Toy
) -> None:
    rows = [(stars, time, movie) for user, movie, stars, time in toy.ratings if user == USER]
    best = sorted(rows, reverse=True)[:5]
    liked = recommend_to(recommender, run, USER, 1)["liked"]
    assert [(movie["rating"], movie["movie"]) for movie in liked] == [(s, m) for s, _, m in best]
    titles = {movie: (title, genres) for movie, title, genres in toy.movies}
    assert [(m["title"], m["genres"]) for m in liked] == [titles[m["movie"]] for m in liked]


def test_a_new_user_is_reported_and_gets_movies(run: Run, recommender: Recommender) -> None:
    found = recommend_to(recommender, run, NEW_USER, 1000)
    assert found["in_training"] is False
    assert {movie["movie"] for movie in found["liked"]} == {NEW_MOVIE, 2, 4}
    # All movies of the training part except the two that the user rated.
    assert len(found["recommended"]) == 38


def test_a_new_person_without_ratings_gets_popular_movies(
    run: Run, recommender: Recommender
) -> None:
    recommender.params = recommender.params.model_copy(update={"like_weight": 0.0})
    found = recommend_to(recommender, run, None, 5)["recommended"]
    ratings = recommender.retrieval.ratings
    rows = rows_of(recommender, found)
    assert ratings[rows].tolist() == sorted(ratings, reverse=True)[:5]


def test_new_ratings_follow_the_ratings_in_the_log(run: Run, recommender: Recommender) -> None:
    rows = find_rows(recommender.scorer, "movies", [NEW_MOVIE, UNRATED_MOVIE]).numpy()
    scorer, end = recommender.scorer, 10**9 + 10**8 + NEW_MOVIE
    for log, last in ((run.ratings, end), (Path("none.parquet"), 0)):
        assert find_end(scorer, log) == last
        assert find_person(scorer, log, None).as_of == last + 1
    new = UserHistory.from_stars(rows, np.array([5.0, 1.0]), np.full(2, end), scorer.dimensions)
    person = find_person(scorer, run.ratings, USER, new)
    assert person.history.movie.tolist()[-2:] == rows.tolist()
    assert person.history.label.tolist()[-2:] == [1, 0]
    assert person.as_of == end + 1
    other = dataclasses.replace(scorer.dimensions.lineage, ids="0" * 64)
    scorer.dimensions = dataclasses.replace(scorer.dimensions, lineage=other)
    for userid in (None, USER):
        with pytest.raises(InputError, match="of different runs"):
            find_person(scorer, run.ratings, userid, new)


def test_at_an_earlier_time_only_earlier_ratings_count(run: Run, recommender: Recommender) -> None:
    person = find_person(recommender.scorer, run.ratings, USER)
    times = np.sort(person.history.seconds)
    usual, after = (recommend(recommender, person, 100, time) for time in (None, times[-1] + 1))
    assert usual == after
    middle = int(times[len(times) // 2])
    earlier = person.history.seconds < middle
    then = recommend(recommender, person, 100, middle)
    known = dataclasses.replace(person, history=person.history.take(earlier))
    assert then == recommend(recommender, known, 100)
    assert then["rated"] == earlier.sum() < len(times)
    # What was rated later may be recommended.
    later = set(recommender.dimensions.ids["movies"].take(person.history.movie[~earlier]))
    assert {movie["movie"] for movie in then["recommended"]} & later
    nothing = recommend(recommender, person, 5, int(times[0]))
    assert (nothing["rated"], nothing["liked"]) == (0, [])
    assert [movie["because"] for movie in nothing["recommended"]] == [[]] * 5


def test_similar_movies_have_the_largest_mean_weight(run: Run) -> None:
    dimensions = run.dimensions()
    retrieval = RetrievalModel.load(run.retrieval, dimensions.folder, dimensions.lineage)
    found = find_similar(retrieval, dimensions, 2, 4)
    place = retrieval.movies.tolist().index(0)
    mean = (retrieval.weights[place] + retrieval.weights[:, place]) / 2
    expected = sorted(np.delete(mean, place), reverse=True)[:4]
    assert [m["weight"] for m in found["similar"]] == [
        round(float(w), 4) for w in expected if w > 0
    ]
    assert found["movie"]["movie"] == 2


def test_a_movie_without_training_ratings_has_no_similar_ones(run: Run) -> None:
    dimensions = run.dimensions()
    retrieval = RetrievalModel.load(run.retrieval, dimensions.folder, dimensions.lineage)
    with pytest.raises(InputError, match="movie 102 has no rating in the training part"):
        find_similar(retrieval, dimensions, UNRATED_MOVIE, 1)
