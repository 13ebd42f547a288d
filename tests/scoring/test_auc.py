"""AUC of many weightings at once, beside other definitions."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.scoring.auc import Cells, auc, grouped_auc_sums, rank_rows, weighted_aucs


@pytest.mark.parametrize("scores", [20, 10**6])
def test_weighted_aucs_equal_scikit_learns(scores: int) -> None:
    """With ties and without; the last group shares rows with the first, and the third is empty."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 600).astype(np.int8)
    score = (random.integers(0, scores, 600) / scores).astype(np.float32)
    users, cell = (random.integers(0, most, 600).astype(np.int32) for most in (50, 3))
    weights = random.poisson(1, (50, 7)).astype(np.uint8)
    ranked = rank_rows(labels, score)
    cells = Cells(cell[ranked.order], np.array([[0, -1], [1, -1], [0, 3]], np.int32), 4)
    found = weighted_aucs(ranked, cells, users[ranked.order], weights)
    assert found.shape == (4, 7)
    assert np.isnan(found[2]).all()
    for group, members in ((0, [0, 2]), (1, [1]), (3, [2])):
        rows = np.isin(cell, members)
        for value, weight in zip(found[group], weights.T, strict=True):
            expected = roc_auc_score(labels[rows], score[rows], sample_weight=weight[users][rows])
            assert value == pytest.approx(expected, abs=1e-12)


def test_the_auc_of_the_rows_needs_both_labels(caplog: pytest.LogCaptureFixture) -> None:
    scores = np.array([0.9, 0.6, 0.7, 0.2, 0.4], np.float32)
    assert auc(np.array([1, 0, 1, 0, 1], np.int8), scores) == pytest.approx(5 / 6)
    assert auc(np.zeros(5, np.int8), scores) is None
    assert "all 5 labels are 0: AUC is not defined" in caplog.text


def test_grouped_auc_by_hand() -> None:
    """User 0 ranks two of two pairs right, user 1 has one tie, and user 2 has only likes."""
    labels = np.array([1, 0, 1, 0, 1, 1], np.int8)
    scores = np.array([0.9, 0.1, 0.8, 0.5, 0.5, 0.7], np.float32)
    ranked, users = rank_rows(labels, scores), np.array([0, 0, 0, 1, 1, 2], np.int32)
    found = grouped_auc_sums(ranked, users[ranked.order], 4)
    assert found["grouped_rows"].tolist() == [3, 2, 0, 0]
    assert found["grouped_auc"].tolist() == [3 * 1, 2 * 0.5, 0, 0]


def test_grouped_auc_of_one_user_is_auc() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 500).astype(np.int8)
    scores = (random.integers(0, 50, 500) / 50).astype(np.float32)
    found = grouped_auc_sums(rank_rows(labels, scores), np.zeros(500, np.int32), 1)
    assert found["grouped_auc"] / found["grouped_rows"] == pytest.approx(auc(labels, scores))
