import numpy as np
import pytest

from recsys.evaluation.bootstrap import interval
from recsys.scoring.metrics import weighted_rmse


def test_an_interval_covers_the_truth_with_its_coverage() -> None:
    """Each of 50 users has ten equal rows. Resampling rows would give a third of the width."""
    random = np.random.default_rng(1)
    users = np.repeat(np.arange(50), 10)
    covered = 0
    for trial in range(200):
        values = np.repeat(random.normal(size=50), 10)

        def mean(weights: np.ndarray, values: np.ndarray = values) -> float:
            return float(np.average(values, weights=weights))

        low, high = interval(mean, users, resamples=100, seed=trial)
        covered += low <= 0 <= high
    assert 0.86 < covered / 200 < 0.99


def test_an_interval_has_2_5_percent_of_the_resamples_on_each_side() -> None:
    users = np.array([3, 7, 7])
    counts = np.random.default_rng(5).poisson(1, (400, 2))
    expected = np.quantile(counts[:, 0] + 20 * counts[:, 1], [0.025, 0.975])
    found = interval(lambda weights: float(weights @ [1, 10, 10]), users, 400, seed=5)
    assert found == pytest.approx(tuple(expected))


def test_intervals_depend_on_the_seed_and_are_nan_without_resamples() -> None:
    metric = weighted_rmse(np.arange(9.0), np.zeros(9))
    users = np.arange(9)
    assert interval(metric, users, 50, seed=1) == interval(metric, users, 50, seed=1)
    assert interval(metric, users, 50, seed=1) != interval(metric, users, 50, seed=2)
    assert np.isnan(interval(metric, users, 0, seed=1)).all()
