import numpy as np

from recsys.retrieval.trend import find_trend
from tests.histories import make_histories

DAY = 86_400
# Movie 0 was rated ten times long ago, movie 1 ten times of late, movie 2 ten times in both, and
# movie 3 never.
MOVIE = np.array([0, 1, 2, 2]).repeat(10)
SECONDS = np.array([0, 1_000, 0, 1_000]).repeat(10) * DAY


def test_trends_by_hand() -> None:
    # Of 40 ratings, 20 are recent and count 1; the others count nothing. 10 more are half recent.
    trend = find_trend(make_histories([MOVIE.tolist()], 4, SECONDS.tolist()), days=1.0)
    low, high = 10, 20 + 10
    expected = [low / (10 + 10), high / (10 + 10), 1, 1]
    np.testing.assert_allclose(trend, expected)


def test_a_rating_counts_37_percent_after_the_days() -> None:
    trend = find_trend(make_histories([[0, 1]], 2, [0, 30 * DAY]), days=30.0)
    rate = (1 + np.exp(-1)) / 2
    old, new = ((recent + 10 * rate) / ((1 + 10) * rate) for recent in (np.exp(-1), 1))
    np.testing.assert_allclose(trend, [old, new])
