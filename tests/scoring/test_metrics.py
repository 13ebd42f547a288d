import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from recsys.scoring import metrics
from recsys.scoring.metrics import (
    classification_metrics,
    regression_metrics,
    regression_values,
    rounded,
    sum_rows,
)

LABELS = np.array([1, 0, 1, 0, 1], np.int8)
SCORES = np.array([0.9, 0.6, 0.7, 0.2, 0.4], np.float32)


def test_classification_by_hand() -> None:
    found = classification_metrics(LABELS, SCORES, threshold=0.5)
    # There are six pairs of a 1 and a 0. Only (0.4, 0.6) is in the wrong order.
    assert found["auc"] == pytest.approx(5 / 6)
    assert found["accuracy"] == pytest.approx(3 / 5)
    loss = -(math.log(0.9) + math.log(0.4) + math.log(0.7) + math.log(0.8) + math.log(0.4)) / 5
    assert found["log_loss"] == pytest.approx(loss, rel=1e-6)
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert found["normalized_entropy"] == pytest.approx(loss / entropy, rel=1e-6)
    assert (found["positive_rate"], found["rows"]) == (0.6, 5)
    assert classification_metrics(LABELS, SCORES, threshold=0.3)["accuracy"] == 0.8


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    scores = np.array([0.5, 0.75])
    assert classification_metrics(np.array([0, 1]), scores, threshold=0.5)["accuracy"] == 1


def test_predicting_the_base_rate_has_normalized_entropy_1_and_auc_one_half() -> None:
    found = classification_metrics(LABELS, np.full(5, 0.6), threshold=0.5)
    assert found["normalized_entropy"] == pytest.approx(1)
    assert found["auc"] == 0.5


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_no_auc(label: int, caplog: pytest.LogCaptureFixture) -> None:
    found = classification_metrics(np.full(5, label, np.int8), SCORES, threshold=0.5)
    assert found["auc"] is None
    assert found["normalized_entropy"] is None
    assert found["log_loss"] > 0
    assert f"all 5 labels are {label}: AUC is not defined" in caplog.text


def test_certain_scores_have_a_finite_loss() -> None:
    found = classification_metrics(LABELS, np.array([1, 0, 1, 1, 0], np.float32), 0.5)
    assert math.isfinite(found["log_loss"])
    assert found["accuracy"] == 0.6


def test_log_loss_equals_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 200), random.random(200)
    assert classification_metrics(labels, scores, 0.5)["log_loss"] == pytest.approx(
        log_loss(labels, scores)
    )


def test_sums_of_groups_do_not_depend_on_the_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.array([2, 0, 2, 2, 0])
    whole = sum_rows(groups, 4, regression_values, LABELS, SCORES)
    assert whole["rows"].tolist() == [2, 0, 3, 0]
    assert whole["absolute_error"] == pytest.approx([1.2, 0, 0.6, 0])
    monkeypatch.setattr(metrics, "ROWS_AT_ONCE", 2)
    for name, sums in sum_rows(groups, 4, regression_values, LABELS, SCORES).items():
        np.testing.assert_array_equal(sums, whole[name])


def test_regression_by_hand() -> None:
    found = regression_metrics(np.array([1.0, 3.0, 5.0]), np.array([2.0, 3.0, 3.0]))
    assert found == {"rmse": pytest.approx(math.sqrt(5 / 3)), "mae": 1.0, "rows": 3}


def test_rounding_keeps_counts_and_nulls() -> None:
    found = {"auc": 0.1234567, "rows": 7, "none": None}
    assert rounded(found) == {"auc": 0.12346, "rows": 7, "none": None}
