import numpy as np

from recsys.features.movie_index import MovieIndex
from recsys.features.statistics import MovieSums


def test_sums_are_over_the_earlier_seconds_of_the_movie() -> None:
    movie, seconds = np.array([1, 0, 1, 1, 3]), np.array([50, 10, 20, 20, 30])
    stars = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    ones = np.ones(5)
    index = MovieIndex(movie, seconds, MovieSums(ones, stars, stars**2, ones * 0, ones * 2))
    asked = np.array([1, 1, 1, 1, 0, 0, 2, 3, 9])
    times = np.array([20, 21, 50, 51, 5, 10**10, 99, 31, 99])
    found = MovieSums(*index.before(asked, times))
    assert found.number.tolist() == [0, 2, 2, 3, 0, 1, 0, 1, 0]
    assert found.stars.tolist() == [0, 5, 5, 10, 0, 4, 0, 1, 0]
    assert found.squares.tolist() == [0, 13, 13, 38, 0, 16, 0, 1, 0]
    assert found.user_adjusted.tolist() == [0, 4, 4, 6, 0, 2, 0, 2, 0]
