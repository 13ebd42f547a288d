import numpy as np
import pytest
import torch

from recsys.common.errors import InputError
from recsys.dataloader.pairs import find_rows
from recsys.models.checkpoint import load_checkpoint, save_checkpoint
from recsys.serving.catalogue import find_row
from recsys.serving.pair_scorer import PairScorer
from recsys.serving.person import find_person
from recsys.serving.recommend import find_similar, recommend
from recsys.storage.registry import select_features
from tests.runs import NEW_MOVIE, NEW_USER, UNRATED_MOVIE, Run, save_model
from tests.toy import Toy

USER = 3


@pytest.fixture
def scorer(run: Run) -> PairScorer:
    return PairScorer(run.checkpoint)


def test_a_user_gets_the_best_of_the_unrated_movies(run: Run, scorer: PairScorer, toy: Toy) -> None:
    rated = {movie for user, movie, *_ in toy.ratings if user == USER}
    unrated = {movie for movie, *_ in toy.movies} - rated
    person = find_person(scorer, run.ratings, USER)
    found = recommend(scorer, person, 1000)
    assert (found["user"], found["rated"], found["in_training"]) == (USER, len(rated), True)
    movies = [movie["movie"] for movie in found["recommended"]]
    assert sorted(movies) == sorted(unrated)
    users = find_rows([USER] * len(movies), scorer.userids)
    expected = scorer.score(users, find_rows(movies, scorer.movieids))
    assert np.allclose([movie["score"] for movie in found["recommended"]], expected, atol=1e-4)
    assert (np.diff(expected) <= 0).all()
    assert recommend(scorer, person, 3)["recommended"] == found["recommended"][:3]


def test_liked_movies_are_sorted_by_stars_then_by_time(
    run: Run, scorer: PairScorer, toy: Toy
) -> None:
    rows = [(stars, time, movie) for user, movie, stars, time in toy.ratings if user == USER]
    best = sorted(rows, reverse=True)[:5]
    liked = recommend(scorer, find_person(scorer, run.ratings, USER), 1)["liked"]
    assert [(movie["rating"], movie["movie"]) for movie in liked] == [(s, m) for s, _, m in best]
    titles = {movie: (title, genres) for movie, title, genres in toy.movies}
    assert [(m["title"], m["genres"]) for m in liked] == [titles[m["movie"]] for m in liked]


def test_a_new_user_is_reported_and_gets_movies(run: Run, scorer: PairScorer) -> None:
    found = recommend(scorer, find_person(scorer, run.ratings, NEW_USER), 1000)
    assert found["in_training"] is False
    assert {movie["movie"] for movie in found["liked"]} == {NEW_MOVIE, 2, 4}
    # All movies of the training part except the two that the user rated.
    assert len(found["recommended"]) == 38


def test_similar_movies_have_embeddings_of_the_same_direction(run: Run) -> None:
    save_model(run, dimension=2)
    model, description, dimensions = load_checkpoint(run.checkpoint)
    weights = model.state_dict()
    name = "dlrm.sparse_arch.embedding_bag_collection.embedding_bags.movieid.weight"
    table = weights[name]
    table[:] = torch.tensor([-1.0, 0.0])
    # The movies 2, 4, 6 and 8; the first row is that of unknown movies. Lengths have no effect.
    table[1:5] = torch.tensor([[1.0, 0.0], [0.0, 5.0], [3.0, 4.0], [0.1, 0.0]])
    # These two movies are not in the training part.
    table[-2:] = torch.tensor([1.0, 0.0])
    save_checkpoint(weights, description, dimensions, run.checkpoint)
    found = find_similar(run.checkpoint, 2, 4)
    similar = [(movie["movie"], movie["cosine"]) for movie in found["similar"]]
    assert similar[:3] == [(8, 1.0), (6, 0.6), (4, 0.0)]
    assert similar[3][1] == -1
    assert found["movie"]["movie"] == 2


def test_movies_without_learnt_embeddings_are_refused(run: Run) -> None:
    with pytest.raises(InputError, match="movie 102 has no rating in the training part"):
        find_similar(run.checkpoint, UNRATED_MOVIE, 1)
    save_model(run, features=select_features(("userid", "genres", "gender")))
    with pytest.raises(InputError, match="has no embeddings of movies"):
        find_similar(run.checkpoint, 2, 1)


@pytest.mark.parametrize(
    ("wanted", "nearest"), [(0, "2"), (3, "2 and 5"), (6, "5 and 9"), (10, "9"), (-1, "2")]
)
def test_an_unknown_id_is_reported_with_the_nearest_ids(wanted: int, nearest: str) -> None:
    known = np.array([2, 5, 9])
    assert [find_row(known, i, "user") for i in known] == [0, 1, 2]
    with pytest.raises(InputError) as error:
        find_row(known, wanted, "user")
    expected = f"there is no user {wanted}; the 3 users have ids from 2 to 9, the nearest {nearest}"
    assert str(error.value) == expected
