from dataclasses import replace

import numpy as np
import pytest

from recsys.common.errors import InputError
from recsys.features import gaussian_process
from recsys.features.gaussian_process import (
    covariances,
    from_before,
    from_others,
    learn_factors,
    predict_opinions,
)
from tests.logs import GAUSSIAN_PROCESS, MOVIES, make_log


def gaussian(
    covariance: np.ndarray, values: np.ndarray, noise: float, row: int, given: np.ndarray
) -> tuple[float, float]:
    """Conditional mean and variance by the textbook."""
    total = covariance + noise * np.eye(len(values))
    across = total[row, given]
    inverse = np.linalg.inv(total[np.ix_(given, given)])
    return across @ inverse @ values[given], total[row, row] - across @ inverse @ across


@pytest.fixture
def opinions() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    root = random.normal(size=(9, 9))
    return root @ root.T, random.normal(size=9)


def test_from_before_is_the_conditional_mean(opinions: tuple[np.ndarray, np.ndarray]) -> None:
    covariance, values = opinions
    known = np.array([0, 0, 2, 3, 3, 3, 6, 7, 7])
    mean, variance = from_before(covariance, values, known, 0.5)
    for row, count in enumerate(known):
        expected = gaussian(covariance, values, 0.5, row, np.arange(count))
        assert (mean[row], variance[row]) == pytest.approx(expected)


def test_from_others_is_the_conditional_mean(opinions: tuple[np.ndarray, np.ndarray]) -> None:
    covariance, values = opinions
    observed = np.arange(9) % 3 > 0
    mean, variance = from_others(covariance, values, observed, 0.5)
    for row in range(9):
        given = np.flatnonzero(observed & (np.arange(9) != row))
        expected = gaussian(covariance, values, 0.5, row, given)
        assert (mean[row], variance[row]) == pytest.approx(expected)
    mean, variance = from_others(covariance, values, np.zeros(9, bool), 0.5)
    assert mean.tolist() == [0] * 9
    np.testing.assert_allclose(variance, covariance.diagonal() + 0.5)


def test_opinions_apart_in_time_covary_less() -> None:
    log = make_log(past_only=False)
    movies = learn_factors(log, log.stars, log.training, np.ones((MOVIES, 1)), GAUSSIAN_PROCESS)
    same, apart = (
        covariances(movies, np.array([3, 3]), np.array([0.0, days]), GAUSSIAN_PROCESS)[0, 1]
        for days in (0, 100)
    )
    assert 0 < apart < same


@pytest.mark.parametrize("past_only", [False, True])
def test_a_planted_taste_is_found(past_only: bool) -> None:
    """Half of the users like even movies and half odd ones, give or take a star."""
    # Each movie has eight ratings only.
    params = GAUSSIAN_PROCESS.model_copy(update={"factor_damping": 2.0})
    log = make_log(past_only)
    random = np.random.default_rng(0)
    agrees = (log.user % 2) == (log.movie % 2)
    target = np.where(agrees, 4.0, 2.0) + random.normal(0, 0.5, len(agrees))
    mean, deviation = predict_opinions(log, target, np.ones((MOVIES, 1)), params)
    test = log.part == 2
    assert np.corrcoef(mean[test], target[test])[0, 1] > 0.4
    assert (deviation > 0).all()


def test_next_to_nothing_has_numbers_too() -> None:
    """A target that never varies; so few users that a fold has all of them."""
    log = make_log(past_only=True)
    alone = replace(log, user=np.zeros_like(log.user))
    for some, target in ((log, np.ones(len(log.user))), (alone, log.stars)):
        mean, deviation = predict_opinions(some, target, np.ones((MOVIES, 1)), GAUSSIAN_PROCESS)
        assert np.isfinite(mean).all()
        assert (deviation > 0).all()


def test_a_user_of_too_many_ratings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_process, "LONGEST", 5)
    log = make_log(past_only=True)
    with pytest.raises(InputError, match="take users of up to 5 ratings"):
        predict_opinions(log, log.stars, np.ones((MOVIES, 1)), GAUSSIAN_PROCESS)
