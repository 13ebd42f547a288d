import numpy as np
import pytest

from recsys.evaluation import bootstrap
from recsys.evaluation.bootstrap import (
    draw_weights,
    interval,
    resample,
    resample_means,
    weigh_rows,
    weigh_users,
)


def test_the_weights_of_users_are_poisson_and_independent() -> None:
    weights = draw_weights(5_000, 1, 101, seed=3).astype(float)
    # Of 500,000 draws, each share is known to .0007 or better.
    shares = np.bincount(weights.astype(int).ravel(), minlength=5)[:5] / weights.size
    expected = np.exp(-1) / np.array([1, 1, 2, 6, 24])
    assert shares == pytest.approx(expected, abs=3e-3)
    for table in (weights, weights.T):
        # Users and samples have no correlation beyond five standard errors.
        correlations = np.corrcoef(table[:, :100], rowvar=False) - np.eye(100)
        assert np.abs(correlations).max() < 5 / np.sqrt(len(table))


def test_sample_0_is_the_data_and_weights_depend_on_user_sample_and_seed_alone() -> None:
    weights = draw_weights(50, 0, 200, seed=1)
    assert (weights[:, 0] == 1).all()
    np.testing.assert_array_equal(draw_weights(20, 130, 140, seed=1), weights[:20, 130:140])
    assert (draw_weights(50, 1, 200, seed=2) == weights[:, 1:]).mean() < 0.4
    # The largest seed has 63 bits.
    assert draw_weights(50, 1, 200, seed=2**63 - 1).max() > 1


def test_samples_do_not_depend_on_how_many_are_drawn_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"some": np.random.default_rng(1).normal(size=30)}
    whole = resample(lambda weights: weigh_users(values, weights), 30, 20, seed=1)["some"]
    assert whole.shape == (21,)
    monkeypatch.setattr(bootstrap, "SAMPLES_AT_ONCE", 7)
    pieces = resample(lambda weights: weigh_users(values, weights), 30, 20, seed=1)["some"]
    np.testing.assert_array_equal(pieces, whole)
    weights = draw_weights(30, 0, 21, seed=1)
    assert whole == pytest.approx(values["some"] @ weights)
    assert whole[0] == pytest.approx(values["some"].sum())


def test_sums_of_groups_of_rows_by_hand() -> None:
    users, weights = np.array([0, 1, 1, 0], np.int32), np.array([[1, 0], [2, 3]], np.uint8)
    sums = weigh_rows(np.array([1.0, 10, 100, 1000]), users, np.array([0, 3]), weights)
    assert sums.tolist() == [[221, 330], [1000, 0]]


def test_an_interval_covers_the_truth_with_its_coverage() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        means = resample_means({"some": random.normal(size=50)}, 100, seed=trial)["some"]
        low, high = interval(means)
        covered += low <= 0 <= high
    assert 0.86 < covered / 200 < 0.99


def test_an_interval_has_2_5_percent_of_the_samples_on_each_side() -> None:
    samples = np.random.default_rng(5).permutation(101)
    # The value of the data is none of them.
    assert interval(np.append(1e6, samples)) == pytest.approx((2.5, 97.5))
    assert interval(np.append(1e6, samples), coverage=0.5) == pytest.approx((25, 75))
    # Samples in which a metric is not defined do not count.
    assert interval(np.array([1, 2, np.nan, 2])) == (2, 2)
    assert np.isnan(interval(np.ones(1))).all()
