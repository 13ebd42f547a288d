from dataclasses import replace

import numpy as np
import pytest

from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.visibility import RatingLog
from tests.features.gaussian_process import textbook
from tests.logs import GAUSSIAN_PROCESS, MOVIES, make_log

CONTENT = np.column_stack([np.ones(MOVIES), np.arange(MOVIES) % 3 == 0])


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
    process = learn_factors(log, log.stars, log.training, CONTENT, params)
    rows = log.training
    expected, noise = textbook.learn_factors(
        log.user[rows], log.movie[rows], log.stars[rows], CONTENT, params
    )
    # The tables of four bytes a number have six digits.
    np.testing.assert_allclose(process.factors, expected, rtol=0, atol=1e-5)
    assert process.noise == pytest.approx(noise, rel=1e-5)


def test_one_iteration_by_hand() -> None:
    """Two users give the one rated movie 5 stars and 1 star; the other movie has no rating."""
    log = training_log([0, 1], [1, 1], [5.0, 1.0])
    changes = {"factors": 1, "iterations": 1, "factor_damping": 2.0, "moods": ((0.1, 7.0),)}
    params = GAUSSIAN_PROCESS.model_copy(update=changes)
    process = learn_factors(log, log.stars, log.training, np.ones((2, 1)), params)
    assert process.mean.tolist() == [3, 3]
    # The variance is 4, so the factors start at 0.4 x 2 and the noise at 0.6 x 4. The precision of
    # a taste is 0.8^2 / 2.4 + 1.
    covariance = 2.4 / 3.04
    taste = 2 * 0.8 / 3.04
    moments, product = 2 * (covariance + taste**2), 2 * (2 * taste)
    # The weight of the movie is 2 / (2 + 2); the regression on a constant is 0.5 / (0.5 + 1).
    prior = 0.8 / 3
    factor = (product + 2 * prior) / (moments + 2)
    np.testing.assert_allclose(process.factors[:, 0], [prior, factor], rtol=1e-6)
    assert process.noise == pytest.approx((8 - 2 * factor * product + factor**2 * moments) / 2)
    assert process.moods == ((pytest.approx(0.4), 7.0),)
    assert (process.lasting, process.fading_days) == (params.lasting, params.fading_days)


def test_a_movies_mean_is_damped() -> None:
    log = training_log([0, 1, 2], [1, 1, 0], [5.0, 5.0, 2.0])
    params = GAUSSIAN_PROCESS.model_copy(update={"mean_damping": 3.0})
    process = learn_factors(log, log.stars, log.training, np.ones((3, 1)), params)
    # The overall mean is 4. Movie 1 has two ratings 1 above it, movie 0 one rating 2 below it.
    np.testing.assert_allclose(process.mean, [4 - 2 / 4, 4 + 2 / 5, 4])


def test_other_rows_have_no_effect() -> None:
    log = make_log(past_only=False)
    other = np.where(log.training, log.stars, 6 - log.stars)
    first, second = (
        learn_factors(log, target, log.training, CONTENT, GAUSSIAN_PROCESS)
        for target in (log.stars, other)
    )
    assert first.factors.tobytes() == second.factors.tobytes()
    assert (first.noise, first.mean.tobytes()) == (second.noise, second.mean.tobytes())


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    log = make_log(past_only=False)
    found = set()
    for threads in (1, 2, 5):
        params = GAUSSIAN_PROCESS.model_copy(update={"threads": threads})
        process = learn_factors(log, log.stars, log.training, CONTENT, params)
        found.add((process.factors.tobytes(), process.noise))
    assert len(found) == 1


def test_a_target_that_never_varies_keeps_some_noise() -> None:
    log = make_log(past_only=False)
    process = learn_factors(log, np.ones(len(log.user)), log.training, CONTENT, GAUSSIAN_PROCESS)
    assert process.noise == 1e-3
    assert np.isfinite(process.factors).all()
