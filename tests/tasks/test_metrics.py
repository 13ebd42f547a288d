import math

import numpy as np
import pytest

from recsys.evaluation.curves import (
    calibration_error,
    confusion_counts,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
)
from recsys.tasks.metrics import (
    auc,
    classification_metrics,
    grouped_auc,
    regression_metrics,
    rounded,
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


def test_grouped_auc_by_hand() -> None:
    """User 1 ranks two of two pairs right, user 2 has one tie, and user 3 has only likes."""
    labels = np.array([1, 0, 1, 0, 1, 1], np.int8)
    scores = np.array([0.9, 0.1, 0.8, 0.5, 0.5, 0.7], np.float32)
    users = np.array([1, 1, 1, 2, 2, 3])
    assert grouped_auc(labels, scores, users) == pytest.approx((3 * 1 + 2 * 0.5) / 5)
    assert grouped_auc(labels[5:], scores[5:], users[5:]) is None


def test_grouped_auc_of_one_user_is_auc() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 500).astype(np.int8), random.integers(0, 50, 500) / 50
    assert grouped_auc(labels, scores, np.zeros(500)) == pytest.approx(auc(labels, scores))


def test_calibration_error_by_hand() -> None:
    """Two groups: in one, 0.2 is predicted and 0.5 is true; in the other, 0.75 and 1."""
    labels = np.array([0, 1, 1, 1], np.int8)
    curve = reliability_curve(labels, np.array([0.1, 0.3, 0.7, 0.8]), 2)
    assert calibration_error(curve) == pytest.approx((0.3 + 0.25) / 2)


def test_regression_by_hand() -> None:
    metrics = regression_metrics(np.array([1.0, 3.0, 5.0]), np.array([2.0, 3.0, 3.0]))
    assert metrics == {"rmse": pytest.approx(math.sqrt(5 / 3)), "mae": 1.0, "rows": 3}


def test_rounding_keeps_counts_and_nulls() -> None:
    assert rounded({"auc": 0.1234567, "rows": 7, "none": None}) == {
        "auc": 0.12346,
        "rows": 7,
        "none": None,
    }


def test_roc_by_hand() -> None:
    curve = roc_curve(LABELS, SCORES, points=100)
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert area == pytest.approx(5 / 6)
    assert curve.iloc[0].tolist() == [0, 0, 0]
    assert curve.iloc[-1].tolist() == [1, 1, 1]
    assert roc_curve(np.ones(5, np.int8), SCORES, points=100)["uninformed"].tolist() == [0, 1]


def test_precision_recall_by_hand() -> None:
    curve = precision_recall_curve(LABELS, SCORES, points=100)
    assert curve["recall"].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert curve["precision"].tolist() == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5])
    assert curve["uninformed"].tolist() == pytest.approx([0.6] * 5)
    # Rows with equal scores are recalled together.
    assert len(precision_recall_curve(LABELS, np.ones(5, np.float32), points=100)) == 1


def test_reliability_by_hand() -> None:
    curve = reliability_curve(LABELS, SCORES, bins=2)
    assert curve["rows"].tolist() == [3, 2]
    assert curve["predicted"].tolist() == pytest.approx([0.4, 0.8])
    assert curve["actual"].tolist() == pytest.approx([1 / 3, 1])
    assert reliability_curve(LABELS, SCORES, bins=50)["rows"].tolist() == [1] * 5


def test_confusion_by_hand() -> None:
    counts = confusion_counts(LABELS, SCORES > 0.5)
    assert counts["rows"].tolist() == [1, 1, 1, 2]
    assert confusion_counts(np.ones(3, np.int8), np.ones(3, bool))["rows"].tolist() == [0, 0, 0, 3]


def test_curves_are_thinned_and_keep_their_ends() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 10_000), rng.random(10_000)
    for curve in (roc_curve(labels, scores, 200), precision_recall_curve(labels, scores, 200)):
        assert 150 < len(curve) <= 200
        assert curve.iloc[-1, 0] == 1
        assert curve.iloc[:, 0].is_monotonic_increasing
