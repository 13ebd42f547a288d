import numpy as np
import numpy.typing as npt
import pytest

from recsys.common.errors import InputError
from recsys.retrieval.ease import fit_weights
from recsys.retrieval.nearest import fit_nearest

Ratings = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@pytest.fixture
def rated() -> npt.NDArray[np.bool_]:
    """Whether a user rated a movie, [80, 12]; some movies have many ratings."""
    random = np.random.default_rng(1)
    rated: npt.NDArray[np.bool_] = random.random((80, 12)) < random.random(12) * 0.5
    rated[0] = True
    return rated


@pytest.mark.parametrize("counted", [0, 5, 99])
@pytest.mark.parametrize("neighbors", [11, 40])
def test_with_all_movies_as_neighbors_the_weights_are_exact(
    rated: npt.NDArray[np.bool_], neighbors: int, counted: int
) -> None:
    weights = fit_nearest(*np.nonzero(rated), 3.0, neighbors, counted)
    np.testing.assert_array_equal(weights.toarray(), fit_weights(*np.nonzero(rated), 3.0))


@pytest.mark.parametrize("counted", [0, 5, 99])
def test_weights_are_the_ridge_regression_on_the_nearest(
    rated: npt.NDArray[np.bool_], counted: int
) -> None:
    weights = fit_nearest(*np.nonzero(rated), 3.0, 4, counted).toarray()
    inputs = rated.astype(float)
    together = inputs.T @ inputs
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
    weights = fit_nearest(user, movie, 1.0, 1, 2).toarray()
    assert np.flatnonzero(weights[:, 0]).tolist() == [2]
    assert weights[2, 0] == np.float16(4 / (8 + 1))
    # The cosine of movies 1 and 0 is 1 / sqrt(8), of movies 1 and 2 1 / 4.
    assert np.flatnonzero(weights[:, 1]).tolist() == [0]
    assert not weights[:, 3:].any()


def test_too_many_weights_are_refused() -> None:
    movie = np.arange(2_000_000)
    with pytest.raises(InputError, match=r"neighbors = 2000: .* choose 1073 or fewer"):
        fit_nearest(movie % 7, movie, 1.0, 2000, 10)
