import tracemalloc

import numpy as np
import pytest

from recsys.features.gaussian_process.co_ratings import CoRatings, find_co_ratings

USERS, MOVIES = 40, 25


def draw(users: int, movies: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs of users and movies, none twice."""
    random = np.random.default_rng(0)
    user, movie = np.divmod(random.choice(users * movies, count, replace=False), movies)
    return user, movie


def find(
    user: np.ndarray, movie: np.ndarray, users: int = USERS, movies: int = MOVIES
) -> CoRatings:
    return find_co_ratings(user, movie, users, movies)


def test_the_vectors_are_singular_vectors() -> None:
    user, movie = draw(USERS, MOVIES, 300)
    rated = np.zeros((USERS, MOVIES))
    rated[user, movie] = 1
    normalised = rated / np.sqrt(rated.sum(1, keepdims=True) * rated.sum(0))
    left, singular, right = np.linalg.svd(normalised, full_matrices=False)
    found = find(user, movie)
    assert singular[0] == pytest.approx(1)
    for got, expected in ((found.users, left), (found.movies, right.T)):
        # A singular vector may have either sign.
        vectors = expected * np.sqrt(len(expected))
        signs = np.sign((got * vectors).sum(0))
        np.testing.assert_allclose(got, vectors * signs, rtol=0, atol=1e-3)


def test_a_users_vector_is_a_sum_over_the_rated_movies() -> None:
    user, movie = draw(USERS, MOVIES, 300)
    found = find(user, movie)
    for one in range(USERS):
        rated = movie[user == one]
        total = found.weights[rated].sum(0) / np.sqrt(len(rated))
        np.testing.assert_allclose(total, found.users[one], rtol=0, atol=1e-5)


def test_columns_have_mean_square_one() -> None:
    found = find(*draw(USERS, MOVIES, 300))
    for columns in (found.users, found.movies):
        np.testing.assert_allclose((columns**2).mean(0), 1, rtol=1e-4)
        assert columns.dtype == np.float32


def test_two_groups_that_rate_apart_are_told_apart() -> None:
    """Users and movies of even numbers never meet those of odd ones."""
    user, movie = draw(USERS, MOVIES, 500)
    kept = user % 2 == movie % 2
    found = find(user[kept], movie[kept])
    even, odd = found.users[::2] @ found.movies.T, found.users[1::2] @ found.movies.T
    assert (even[:, 0::2].mean(), odd[:, 1::2].mean()) > (1, 1)
    assert max(abs(even[:, 1::2]).max(), abs(odd[:, 0::2]).max()) < 1e-3


def test_users_and_movies_without_ratings_have_zeros() -> None:
    user, movie = draw(USERS, MOVIES, 300)
    found = find(user, movie, USERS + 2, MOVIES + 1)
    assert not found.users[USERS:].any()
    assert not found.movies[MOVIES:].any()
    assert not found.weights[MOVIES:].any()


@pytest.mark.parametrize(("users", "movies"), [(1, 5), (5, 1), (1, 1), (70, 3), (3, 70), (90, 80)])
def test_few_users_or_movies_have_few_columns(users: int, movies: int) -> None:
    """All users rate all movies, so one singular vector says all."""
    user, movie = np.divmod(np.arange(users * movies), movies)
    found = find(user, movie, users, movies)
    assert found.movies.shape == (movies, 1)
    np.testing.assert_allclose(np.abs(found.users), 1, rtol=1e-5)
    np.testing.assert_allclose(np.abs(found.movies), 1, rtol=1e-5)


def test_the_same_ratings_give_the_same_bytes_in_any_order() -> None:
    user, movie = draw(USERS, MOVIES, 300)
    first, second = find(user, movie), find(user[::-1], movie[::-1])
    assert [array.tobytes() for array in first] == [array.tobytes() for array in second]


def test_no_dense_matrix_of_users_and_movies_is_made() -> None:
    users, movies = 30_000, 10_000
    random = np.random.default_rng(0)
    pairs = np.unique(random.integers(0, users * movies, 50_000))
    tracemalloc.start()
    try:
        find(*np.divmod(pairs, movies), users, movies)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Four bytes a cell of the dense matrix would be 1.2 GB.
    assert peak < 150e6
