import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.evaluation.bootstrap import interval, weighted_auc, weighted_rmse


def test_weighted_auc_equals_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 200), random.integers(0, 20, 200) / 20
    metric = weighted_auc(labels, scores)
    assert metric(np.ones(200)) == pytest.approx(roc_auc_score(labels, scores))
    weights = random.poisson(1, 200).astype(float)
    expected = roc_auc_score(labels, scores, sample_weight=weights)
    assert metric(weights) == pytest.approx(expected)
    assert np.isnan(metric(np.where(labels == 1, 0.0, 1.0)))


def test_weighted_rmse_by_hand() -> None:
    metric = weighted_rmse(np.array([1.0, 3.0]), np.array([2.0, 5.0], np.float32))
    assert metric(np.array([1.0, 1.0])) == pytest.approx(np.sqrt(5 / 2))
    assert metric(np.array([3.0, 1.0])) == pytest.approx(np.sqrt(7 / 4))


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
