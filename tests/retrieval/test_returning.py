import numpy as np

from recsys.retrieval.returning import DAMPING, find_returning
from tests.histories import make_histories

DAY = 86_400


def test_ratios_by_hand() -> None:
    """Of five ratings, the two of movie 2 come later; nobody rated movie 3."""
    histories = make_histories([[0, 2], [], [1, 0, 2]], 4, [0, 30 * DAY, 5, 6, 5 + 31 * DAY])
    ratio = find_returning(histories, days=30.0)
    rate = 2 / 5
    expected = [
        DAMPING / (2 * rate + DAMPING),
        DAMPING / (rate + DAMPING),
        (2 + DAMPING) / (2 * rate + DAMPING),
        1,
    ]
    np.testing.assert_allclose(ratio, expected)


def test_without_later_ratings_all_movies_are_alike() -> None:
    histories = make_histories([[0, 1]], 2, [0, DAY])
    assert find_returning(histories, days=30.0).tolist() == [1, 1]
