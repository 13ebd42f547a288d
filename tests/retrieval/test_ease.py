import numpy as np

from recsys.retrieval.ease import fit_weights
from tests.histories import find_ratings


def test_weights_are_the_ridge_regression_of_each_movie_on_the_others() -> None:
    random = np.random.default_rng(1)
    rated = random.random((40, 6)) * (random.random((40, 6)) < 0.4)
    rated[0] = 1
    weights = fit_weights(*find_ratings(rated), damping=3.0)
    for movie in range(6):
        others = np.arange(6) != movie
        inputs = rated[:, others]
        ridge = np.linalg.solve(inputs.T @ inputs + 3 * np.eye(5), inputs.T @ rated[:, movie])
        np.testing.assert_allclose(weights[others, movie], ridge, atol=1e-3)
        assert weights[movie, movie] == 0


def test_two_movies_by_hand() -> None:
    """Of three users of movie 0, two rated movie 1 too: their weight is 2 / (3 + 1)."""
    weights = fit_weights(
        np.array([0, 1, 2, 0, 1]), np.array([0, 0, 0, 1, 1]), np.ones(5), damping=1.0
    )
    assert weights[0, 1] == 2 / (3 + 1)
    np.testing.assert_allclose(weights[1, 0], 2 / (2 + 1), atol=1e-3)
