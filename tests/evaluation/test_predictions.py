"""All metrics of predictions as a function of the users' weights."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.bootstrap import draw_weights
from recsys.evaluation.evaluate import evaluate
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import Predictions, weighted_metrics
from recsys.pipeline.params import load_params
from recsys.scoring.auc import Weights
from tests.conftest import PARAMS
from tests.evaluation.made import draw_predictions, make_slices

SECTION = load_params(PARAMS)[EvaluateParams]


def column(*weights: int) -> Weights:
    return np.array(weights, np.uint8)[:, None]


def test_with_equal_weights_they_are_those_of_evaluate() -> None:
    predictions = draw_predictions()
    # Some are exactly the threshold.
    predictions.score[:100] = 0.5
    expected = evaluate(predictions, SECTION, make_slices(2_000)).metrics
    # Twice all rows are the same rows.
    found = weighted_metrics(predictions, SECTION)(np.full((100, 1), 2, np.uint8))
    assert found.keys() == expected.keys()
    assert found.pop("rows") == [2 * expected["rows"]]
    for name, (value,) in found.items():
        assert value == pytest.approx(expected[name], abs=1e-5)


def test_a_user_of_weight_2_is_two_users_with_the_same_rows() -> None:
    predictions = draw_predictions(rows=300)
    weights = draw_weights(100, 1, 4, seed=1)
    found = weighted_metrics(predictions, SECTION)(weights)
    for sample, drawn in enumerate(weights.T):
        # Of two users with the same rows, each keeps an own list.
        rows, users = [], []
        for user, times in enumerate(drawn):
            for _ in range(times):
                rows.append(np.flatnonzero(predictions.user == user))
                users.append(np.full(len(rows[-1]), len(rows) - 1, np.int32))
        columns = {name: getattr(predictions, name)[np.concatenate(rows)] for name in COLUMNS}
        repeated = Predictions(np.concatenate(users), **columns)
        expected = weighted_metrics(repeated, SECTION)(np.ones((repeated.users, 1), np.uint8))
        # The groups of the calibration error are of equal size without weights.
        for name in found.keys() - {"calibration_error"}:
            assert found[name][sample] == pytest.approx(expected[name][0]), name


COLUMNS = ("rating", "label", "score", "stars")


def test_without_users_nothing_is_defined() -> None:
    found = weighted_metrics(draw_predictions(), SECTION)(np.zeros((100, 1), np.uint8))
    assert found.pop("rows") == [0]
    assert all(np.isnan(value) for (value,) in found.values())


@pytest.mark.parametrize(("bins", "error"), [(4, 2.7 / 4), (9, 2.7 / 4), (2, 2.3 / 4), (1, 0.575)])
def test_weighted_calibration_error_by_hand(bins: int, error: float) -> None:
    """Ascending, the predictions miss by -0.9, 0.2, -0.7 and 0.4; the last has no weight."""
    users, score = np.arange(4, dtype=np.int32), np.array([0.4, 0.1, 0.2, 0.3])
    predictions = Predictions(users, np.zeros(4), np.array([0, 1, 0, 1]), score)
    metrics = weighted_metrics(predictions, SECTION.model_copy(update={"calibration_bins": bins}))
    assert metrics(column(0, 2, 1, 1))["calibration_error"] == pytest.approx([error])


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_no_entropy(label: int) -> None:
    """Users of the other class have no weight."""
    label_of_user = np.arange(100) % 2
    predictions = draw_predictions(rows=300)
    predictions = replace(predictions, label=label_of_user[predictions.user].astype(np.int8))
    metrics = weighted_metrics(predictions, SECTION)
    found = metrics((label_of_user == label).astype(np.uint8)[:, None])
    assert np.isnan(found["normalized_entropy"]).all()
    assert np.isnan(found["auc"]).all()
    assert found["log_loss"] > 0
