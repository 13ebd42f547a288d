import numpy as np
import numpy.typing as npt
import pytest

from recsys.common.errors import InputError
from recsys.retrieval.ease import fit_weights
from recsys.retrieval.nearest import fit_nearest
from tests.histories import find_ratings


@pytest.fixture
def rated() -> npt.NDArray[np.floating]:
    """What a user's rating of a movie counts, [80, 12]; some movies have many ratings.

    All products and sums of these values are exact.
    """
    random = np.random.default_rng(2)
    some = random.random((80, 12)) < random.random(12) / 2
    values: npt.NDArray[np.floating] = some * random.choice([0.5, 1, 1.5], some.shape)
    values[0] = 1
    return values


@pytest.mark.parametrize("counted", [0, 5, 99])
@pytest.mark.parametrize("neighbors", [11, 40])
def test_with_all_movies_as_neighbors_the_weights_are_exact(
    rated: npt.NDArray[np.floating], neighbors: int, counted: int
) -> None:
    weights = fit_nearest(*find_ratings(rated), 3.0, neighbors, counted)
    np.testing.assert_array_equal(weights.toarray(), fit_weights(*find_ratings(rated), 3.0))


@pytest.mark.parametrize("counted", [0, 5, 99])
def test_weights_are_the_ridge_regression_on_the_nearest(
    rated: npt.NDArray[np.floating], counted: int
) -> None:
    weights = fit_nearest(*find_ratings(rated), 3.0, 4, counted).toarray()
    together = rated.T @ rated
    cosine = together / np.sqrt(np.outer(together.diagonal(), together.diagonal()))
    np.fill_diagonal(cosine, 0)
    for movie in range(12):
        near = np.argsort(-cosine[movie], kind="stable")[:4]
        ridge = np.linalg.solve(together[np.ix_(near, near)] + 3 * np.eye(4), together[near, movie])
        np.testing.assert_allclose(weights[near, movie], ridge, atol=1e-3)
        assert np.count_nonzero(weights[:, movie]) == 4


def test_of_equally_near_movies_the_most_rated_is_taken() -> None:
    """Movies 1 and 2 share half of their users with movie 0; movies 3 and 4 share none."""
    users = {0: [0, 1, 2, 3], 1: [0, 5], 2: [0, 1, 2, 3, 6, 7, 8, 9], 3: [10], 4: [11]}
    user, movie = np.array([(u, m) for m, some in users.items() for u in some]).T
    weights = fit_nearest(user, movie, np.ones(len(user), np.float32), 1.0, 1, 2).toarray()
    assert np.flatnonzero(weights[:, 0]).tolist() == [2]
    assert weights[2, 0] == np.float16(4 / (8 + 1))
    # The cosine of movies 1 and 0 is 1 / sqrt(8), of movies 1 and 2 1 / 4.
    assert np.flatnonzero(weights[:, 1]).tolist() == [0]
    assert not weights[:, 3:].any()


def test_too_many_weights_are_refused() -> None:
    movie = np.arange(2_000_000)
    with pytest.raises(InputError, match=r"neighbors = 2000: .* choose 1073 or fewer"):
        fit_nearest(movie % 7, movie, np.ones(len(movie), np.float32), 1.0, 2000, 10)
