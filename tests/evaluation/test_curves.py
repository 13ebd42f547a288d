"""The points of the plots by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from recsys.evaluation.curves import (
    confusion_counts,
    group_starts,
    precision_recall_curve,
    reliability_curve,
    roc_curve,
    slice_intervals,
)
from recsys.scoring.auc import rank_rows

LABELS = np.array([1, 0, 1, 0, 1], np.int8)
SCORES = np.array([0.9, 0.6, 0.7, 0.2, 0.4], np.float32)
RANKED = rank_rows(LABELS, SCORES)


def test_roc_by_hand() -> None:
    curve = roc_curve(RANKED, points=100)
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert area == pytest.approx(5 / 6)
    assert curve.iloc[0].tolist() == [0, 0, 0]
    assert curve.iloc[-1].tolist() == [1, 1, 1]
    diagonal = roc_curve(rank_rows(np.ones(5, np.int8), SCORES), points=100)
    assert diagonal.to_numpy().tolist() == [[0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize("scores", [30, 3_000])
def test_all_points_of_the_roc_are_those_of_scikit_learn(scores: int) -> None:
    rng = np.random.default_rng(1)
    labels, values = rng.integers(0, 2, 2_000), rng.integers(0, scores, 2_000) / scores
    false, true, _ = sk.roc_curve(labels, values)
    curve = roc_curve(rank_rows(labels, values), points=10_000)
    np.testing.assert_allclose(curve["false_positive_rate"], false)
    np.testing.assert_allclose(curve["true_positive_rate"], true)


def test_precision_recall_by_hand() -> None:
    curve = precision_recall_curve(RANKED, points=100)
    assert curve["recall"].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert curve["precision"].tolist() == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5])
    assert curve["uninformed"].tolist() == pytest.approx([0.6] * 5)
    # One like is all likes, and of none nothing is recalled.
    for labels, recall in (([0, 0, 1, 0, 0], [0, 1, 1, 1, 1]), ([0] * 5, [0] * 5)):
        curve = precision_recall_curve(rank_rows(np.array(labels), SCORES), points=100)
        assert curve["recall"].tolist() == recall
    # Rows with equal scores are recalled together.
    assert len(precision_recall_curve(rank_rows(LABELS, np.ones(5, np.float32)), points=100)) == 1


def test_reliability_by_hand() -> None:
    curve = reliability_curve(RANKED, bins=2)
    assert curve["rows"].tolist() == [3, 2]
    assert curve["predicted"].tolist() == pytest.approx([0.4, 0.8])
    assert curve["actual"].tolist() == pytest.approx([1 / 3, 1])
    # Of labels, the binomial error; of stars, what their spread gives.
    assert curve["error"].tolist() == pytest.approx([np.sqrt(1 / 3 * 2 / 3 / 3), 0])
    stars = reliability_curve(rank_rows(np.array([0.5, 1.0, 0.5, 1.0]), np.full(4, 0.75)), bins=1)
    assert stars["error"].tolist() == pytest.approx([0.25 / 2])
    assert reliability_curve(RANKED, bins=50)["rows"].tolist() == [1] * 5


@pytest.mark.parametrize(("rows", "bins"), [(10, 3), (11, 4), (3, 5), (8, 2)])
def test_groups_of_the_calibration_are_as_equal_as_can_be(rows: int, bins: int) -> None:
    expected = [len(part) for part in np.array_split(np.arange(rows), min(bins, rows))]
    assert np.diff(np.append(group_starts(rows, bins), rows)).tolist() == expected


def test_confusion_by_hand() -> None:
    counts = confusion_counts(RANKED, 0.65)
    assert counts.to_numpy().tolist() == [
        ["no like", "no like", 2],
        ["no like", "like", 0],
        ["like", "no like", 1],
        ["like", "like", 2],
    ]
    # A score at the threshold is not above it.
    assert confusion_counts(RANKED, 0.6)["rows"].tolist() == [2, 0, 1, 2]
    likes = rank_rows(np.ones(3, np.int8), np.ones(3, np.float32))
    assert confusion_counts(likes, 0.5)["rows"].tolist() == [0, 0, 0, 3]


def test_curves_are_thinned_and_keep_their_ends() -> None:
    rng = np.random.default_rng(0)
    ranked = rank_rows(rng.integers(0, 2, 10_000), rng.random(10_000))
    assert roc_curve(ranked, 200).iloc[0].tolist() == [0, 0, 0]
    for curve in (roc_curve(ranked, 200), precision_recall_curve(ranked, 200)):
        assert 150 < len(curve) <= 200
        assert curve.iloc[-1, 0] == 1
        assert curve.iloc[:, 0].is_monotonic_increasing


def test_slices_have_their_auc_and_its_interval() -> None:
    record = {"slice": "men", "auc": 0.5, "rows": 3, "low": None, "high": 0.75, "rmse": 0.9}
    (point,) = slice_intervals([record]).to_dict("records")
    assert (point["slice"], point["value"], point["rows"]) == ("men", 0.5, 3)
    assert np.isnan(point["low"])
    assert point["high"] == 0.75
    assert "rmse" not in point
