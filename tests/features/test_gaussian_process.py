from dataclasses import replace

import numpy as np
import pytest

from recsys.common.errors import InputError
from recsys.features import gaussian_process
from recsys.features.gaussian_process import (
    covariances,
    learn_factors,
    predict_from_earlier,
    predict_leave_one_out,
    predict_opinions,
)
from tests.logs import GAUSSIAN_PROCESS, MOVIES, make_log


def conditional_gaussian(
    covariance: np.ndarray, values: np.ndarray, noise: float, row: int, given: np.ndarray
) -> tuple[float, float]:
    """The conditional mean and variance of a Gaussian, by the textbook formula."""
    total = covariance + noise * np.eye(len(values))
    across = total[row, given]
    inverse = np.linalg.inv(total[np.ix_(given, given)])
    return across @ inverse @ values[given], total[row, row] - across @ inverse @ across


@pytest.fixture
def opinions() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    root = random.normal(size=(9, 9))
    return root @ root.T, random.normal(size=9)


def test_prediction_from_earlier_values_is_the_conditional_mean(
    opinions: tuple[np.ndarray, np.ndarray],
) -> None:
    covariance, values = opinions
    visible = np.array([0, 0, 2, 3, 3, 3, 6, 7, 7])
    mean, variance = predict_from_earlier(covariance, values, visible, 0.5)
    for row, count in enumerate(visible):
        expected = conditional_gaussian(covariance, values, 0.5, row, np.arange(count))
        assert (mean[row], variance[row]) == pytest.approx(expected)


def test_leave_one_out_prediction_is_the_conditional_mean(
    opinions: tuple[np.ndarray, np.ndarray],
) -> None:
    covariance, values = opinions
    observed = np.arange(9) % 3 > 0
    mean, variance = predict_leave_one_out(covariance, values, observed, 0.5)
    for row in range(9):
        given = np.flatnonzero(observed & (np.arange(9) != row))
        expected = conditional_gaussian(covariance, values, 0.5, row, given)
        assert (mean[row], variance[row]) == pytest.approx(expected)
    mean, variance = predict_leave_one_out(covariance, values, np.zeros(9, bool), 0.5)
    assert mean.tolist() == [0] * 9
    np.testing.assert_allclose(variance, covariance.diagonal() + 0.5)


def test_opinions_far_apart_in_time_covary_less() -> None:
    log = make_log(past_only=False)
    movies = learn_factors(log, log.stars, log.training, np.ones((MOVIES, 1)), GAUSSIAN_PROCESS)
    same, apart = (
        covariances(movies, np.array([3, 3]), np.array([0.0, days]), GAUSSIAN_PROCESS)[0, 1]
        for days in (0, 100)
    )
    assert 0 < apart < same


@pytest.mark.parametrize("past_only", [False, True])
def test_a_planted_taste_is_found(past_only: bool) -> None:
    """Half of the users like even movies and half like odd movies, with noise."""
    # A movie has only eight ratings, which the default damping would outweigh.
    params = GAUSSIAN_PROCESS.model_copy(update={"factor_damping": 2.0})
    log = make_log(past_only)
    random = np.random.default_rng(0)
    agrees = (log.user % 2) == (log.movie % 2)
    target = np.where(agrees, 4.0, 2.0) + random.normal(0, 0.5, len(agrees))
    mean, deviation = predict_opinions(log, target, np.ones((MOVIES, 1)), params)
    test = log.part == 2
    assert np.corrcoef(mean[test], target[test])[0, 1] > 0.4
    assert (deviation > 0).all()


def test_degenerate_input_gives_finite_predictions() -> None:
    """Try a target that never varies, and so few users that a fold contains all of them."""
    log = make_log(past_only=True)
    alone = replace(log, user=np.zeros_like(log.user))
    for some, target in ((log, np.ones(len(log.user))), (alone, log.stars)):
        mean, deviation = predict_opinions(some, target, np.ones((MOVIES, 1)), GAUSSIAN_PROCESS)
        assert np.isfinite(mean).all()
        assert (deviation > 0).all()


def test_a_user_with_too_many_ratings_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_process, "MAX_USER_RATINGS", 5)
    log = make_log(past_only=True)
    with pytest.raises(InputError, match="allow at most 5 ratings per user"):
        predict_opinions(log, log.stars, np.ones((MOVIES, 1)), GAUSSIAN_PROCESS)
