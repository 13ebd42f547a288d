from dataclasses import replace

import numpy as np
import pytest

from recsys.features.gaussian_process import factors as module
from recsys.features.gaussian_process.co_ratings import CoRatings, find_co_ratings
from recsys.features.gaussian_process.factors import MOVIE_RIDGE, USER_DAMPING, USER_RIDGE
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import RatingLog
from tests.features.gaussian_process import textbook
from tests.logs import GAUSSIAN_PROCESS, MOVIES, USERS, make_log

CONTENT = np.column_stack([np.ones(MOVIES), np.arange(MOVIES) % 3 == 0])


def find(log: RatingLog, users: int = USERS, movies: int = MOVIES) -> CoRatings:
    """The co-ratings of the training part."""
    rows = log.training
    return find_co_ratings(log.user[rows], log.movie[rows], users, movies)


def learn_factors(
    log: RatingLog,
    values: np.ndarray,
    content: np.ndarray,
    co_ratings: CoRatings,
    params: GaussianProcessParams,
) -> GaussianProcess:
    """The process of the training part."""
    columns = (column[log.training] for column in (log.user, log.movie, values))
    return module.learn_factors(*columns, content, co_ratings, params)


def no_co_ratings(users: int, movies: int) -> CoRatings:
    """Co-ratings without columns."""
    return CoRatings(np.ones((movies, 0)), np.ones((users, 0)), np.ones((movies, 0)))


def training_log(user: list[int], movie: list[int], stars: list[float]) -> RatingLog:
    """A log of training ratings alone."""
    columns = {"user": user, "movie": movie, "stars": stars, "part": [0] * len(user)}
    arrays = {name: np.array(values) for name, values in columns.items()}
    return replace(make_log(past_only=False), **arrays)


@pytest.mark.parametrize("factors", [1, 2, 5])
def test_the_factors_equal_the_textbooks(factors: int) -> None:
    log = make_log(past_only=False)
    changes = {"factors": factors, "factor_damping": 3.0, "iterations": 6}
    params = GAUSSIAN_PROCESS.model_copy(update=changes)
    co_ratings = find(log)
    process = learn_factors(log, log.stars, CONTENT, co_ratings, params)
    rows = log.training
    expected, noise, coefficients = textbook.learn_factors(
        log.user[rows], log.movie[rows], log.stars[rows], CONTENT, co_ratings, params
    )
    # The tables of four bytes a number have six digits.
    np.testing.assert_allclose(process.factors, expected, rtol=0, atol=1e-5)
    assert process.noise == pytest.approx(noise, rel=1e-5)
    # The prior mean of each user is that of the user's vector.
    for user in range(USERS):
        rated = log.movie[rows & (log.user == user)]
        shifts = process.prior_shifts[rated].sum(0) / np.sqrt(len(rated))
        prior = np.append(1, co_ratings.users[user]) @ coefficients
        np.testing.assert_allclose(process.prior_mean + shifts, prior, rtol=0, atol=1e-5)


def test_one_iteration_by_hand() -> None:
    """Two users give the one rated movie 5 stars and 1 star; the other movie has no rating."""
    log = training_log([0, 1], [1, 1], [5.0, 1.0])
    changes = {"factors": 1, "iterations": 1, "factor_damping": 2.0, "moods": ((0.1, 7.0),)}
    params = GAUSSIAN_PROCESS.model_copy(update=changes)
    nothing = no_co_ratings(users=2, movies=2)
    process = learn_factors(log, log.stars, np.ones((2, 1)), nothing, params)
    assert process.mean.tolist() == [3, 3]
    # The variance is 4, so the factors start at 0.4 x 2 and the noise at 0.6 x 4. The precision of
    # a taste is 0.8^2 / 2.4 + 1.
    covariance = 2.4 / 3.04
    taste = 2 * 0.8 / 3.04
    moments, product = 2 * (covariance + taste**2), 2 * (2 * taste)
    # The weight of the movie is 2 / (2 + 2).
    prior = 0.8 * 0.5 / (0.5 + MOVIE_RIDGE)
    factor = (product + 2 * prior) / (moments + 2)
    np.testing.assert_allclose(process.factors[:, 0], [prior, factor], rtol=1e-6)
    assert process.noise == pytest.approx((8 - 2 * factor * product + factor**2 * moments) / 2)
    # Each user has weight 1 / (1 + 10). The tastes are opposite, so their regression on a constant
    # is 0, and without columns no movie shifts it.
    assert process.prior_mean.tolist() == pytest.approx([0.0])
    assert process.prior_shifts.tolist() == [[0.0], [0.0]]
    assert process.moods == ((pytest.approx(0.4), 7.0),)
    assert (process.lasting, process.fading_days) == (params.lasting, params.fading_days)


def test_a_prior_mean_by_hand() -> None:
    """One user gives the only movie 5 stars, another 1 star; a column tells the two apart."""
    log = training_log([0, 1], [0, 0], [5.0, 1.0])
    changes = {"factors": 1, "iterations": 1, "factor_damping": 2.0}
    params = GAUSSIAN_PROCESS.model_copy(update=changes)
    columns = CoRatings(np.zeros((1, 1)), np.array([[1.0], [-1.0]]), np.array([[0.5]]))
    process = learn_factors(log, log.stars, np.ones((1, 1)), columns, params)
    # As above, the tastes are plus and minus this.
    taste = 2 * 0.8 / 3.04
    weight = 1 / (1 + USER_DAMPING)
    coefficient = 2 * weight * taste / (2 * weight + USER_RIDGE)
    np.testing.assert_allclose(process.prior_mean, [0], atol=1e-12)
    np.testing.assert_allclose(process.prior_shifts, [[0.5 * coefficient]])


def test_a_movies_mean_is_damped() -> None:
    log = training_log([0, 1, 2], [1, 1, 0], [5.0, 5.0, 2.0])
    params = GAUSSIAN_PROCESS.model_copy(update={"mean_damping": 3.0})
    nothing = no_co_ratings(users=3, movies=3)
    process = learn_factors(log, log.stars, np.ones((3, 1)), nothing, params)
    # The overall mean is 4. Movie 1 has two ratings 1 above it, movie 0 one rating 2 below it.
    np.testing.assert_allclose(process.mean, [4 - 2 / 4, 4 + 2 / 5, 4])


def test_other_rows_have_no_effect() -> None:
    log = make_log(past_only=False)
    other = np.where(log.training, log.stars, 6 - log.stars)
    first, second = (
        learn_factors(log, target, CONTENT, find(log), GAUSSIAN_PROCESS)
        for target in (log.stars, other)
    )
    assert first.factors.tobytes() == second.factors.tobytes()
    assert (first.noise, first.mean.tobytes()) == (second.noise, second.mean.tobytes())


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    log = make_log(past_only=False)
    found = set()
    for threads in (1, 2, 5):
        params = GAUSSIAN_PROCESS.model_copy(update={"threads": threads})
        process = learn_factors(log, log.stars, CONTENT, find(log), params)
        found.add((process.factors.tobytes(), process.noise))
    assert len(found) == 1


def test_a_target_that_never_varies_keeps_some_noise() -> None:
    log = make_log(past_only=False)
    ones = np.ones(len(log.user))
    process = learn_factors(log, ones, CONTENT, find(log), GAUSSIAN_PROCESS)
    assert process.noise == 1e-3
    assert np.isfinite(process.factors).all()
