import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from recsys.scoring.metrics import (
    auc,
    classification_metrics,
    regression_metrics,
    rounded,
    weighted_auc,
    weighted_grouped_auc,
    weighted_log_loss,
    weighted_rmse,
)

LABELS = np.array([1, 0, 1, 0, 1], np.int8)
SCORES = np.array([0.9, 0.6, 0.7, 0.2, 0.4], np.float32)


def test_classification_by_hand() -> None:
    metrics = classification_metrics(LABELS, SCORES, threshold=0.5)
    # There are six pairs of a 1 and a 0. Only (0.4, 0.6) is in the wrong order.
    assert metrics["auc"] == pytest.approx(5 / 6)
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    loss = -(math.log(0.9) + math.log(0.4) + math.log(0.7) + math.log(0.8) + math.log(0.4)) / 5
    assert metrics["log_loss"] == pytest.approx(loss, rel=1e-6)
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert metrics["normalized_entropy"] == pytest.approx(loss / entropy, rel=1e-6)
    assert (metrics["positive_rate"], metrics["rows"]) == (0.6, 5)
    assert classification_metrics(LABELS, SCORES, threshold=0.3)["accuracy"] == 0.8


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    scores = np.array([0.5, 0.75])
    assert classification_metrics(np.array([0, 1]), scores, threshold=0.5)["accuracy"] == 1


def test_predicting_the_base_rate_has_normalized_entropy_1_and_auc_one_half() -> None:
    metrics = classification_metrics(LABELS, np.full(5, 0.6), threshold=0.5)
    assert metrics["normalized_entropy"] == pytest.approx(1)
    assert metrics["auc"] == 0.5


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_no_auc(label: int, caplog: pytest.LogCaptureFixture) -> None:
    metrics = classification_metrics(np.full(5, label, np.int8), SCORES, threshold=0.5)
    assert metrics["auc"] is None
    assert metrics["normalized_entropy"] is None
    assert metrics["log_loss"] > 0
    assert f"all 5 labels are {label}: AUC is not defined" in caplog.text


def test_certain_scores_have_a_finite_loss() -> None:
    metrics = classification_metrics(LABELS, np.array([1, 0, 1, 1, 0], np.float32), 0.5)
    assert math.isfinite(metrics["log_loss"])
    assert metrics["accuracy"] == 0.6


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


def test_log_loss_equals_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 200), random.random(200)
    metric = weighted_log_loss(labels, scores)
    weights = random.poisson(1, 200).astype(float)
    for weight in (np.ones(200), weights):
        assert metric(weight) == pytest.approx(log_loss(labels, scores, sample_weight=weight))


def test_grouped_auc_by_hand() -> None:
    """User 1 ranks two of two pairs right, user 2 has one tie, and user 3 has only likes."""
    labels = np.array([1, 0, 1, 0, 1, 1], np.int8)
    scores = np.array([0.9, 0.1, 0.8, 0.5, 0.5, 0.7], np.float32)
    users = np.array([1, 1, 1, 2, 2, 3])
    assert weighted_grouped_auc(labels, scores, users)(np.ones(6)) == pytest.approx(
        (3 * 1 + 2 * 0.5) / 5
    )
    assert np.isnan(weighted_grouped_auc(labels[5:], scores[5:], users[5:])(np.ones(1)))


def test_grouped_auc_of_one_user_is_auc() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 500).astype(np.int8), random.integers(0, 50, 500) / 50
    metric = weighted_grouped_auc(labels, scores, np.zeros(500))
    assert metric(np.ones(500)) == pytest.approx(auc(labels, scores))


def test_regression_by_hand() -> None:
    metrics = regression_metrics(np.array([1.0, 3.0, 5.0]), np.array([2.0, 3.0, 3.0]))
    assert metrics == {"rmse": pytest.approx(math.sqrt(5 / 3)), "mae": 1.0, "rows": 3}


def test_rounding_keeps_counts_and_nulls() -> None:
    metrics = {"auc": 0.1234567, "rows": 7, "none": None}
    assert rounded(metrics) == {"auc": 0.12346, "rows": 7, "none": None}
