from dataclasses import replace

import numpy as np
import pytest

from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.gaussian_process.folds import draw_folds, fit_and_predict, rows_to_filter
from recsys.features.visibility import QUERY
from tests.features.gaussian_process import textbook
from tests.logs import GAUSSIAN_PROCESS, MOVIES, make_log

CONTENT = np.ones((MOVIES, 1))


@pytest.mark.parametrize("past_only", [False, True])
def test_each_row_is_predicted_without_the_factors_of_its_own_fold(past_only: bool) -> None:
    log = make_log(past_only)
    mean, deviation, process = fit_and_predict(log, log.stars, CONTENT, GAUSSIAN_PROCESS)
    is_context = log.training | past_only
    order = np.lexsort((log.seconds, log.user))
    fold = np.where(log.training, draw_folds(log, GAUSSIAN_PROCESS), GAUSSIAN_PROCESS.folds)
    for number in range(GAUSSIAN_PROCESS.folds + 1):
        learnt = log.training & (fold != number)
        factors = learn_factors(log, log.stars, learnt, CONTENT, GAUSSIAN_PROCESS)
        columns = (log.user, log.movie, log.seconds, log.stars, is_context)
        expected = textbook.predict_rows(
            factors, *(column[order] for column in columns), past_only=past_only
        )
        rows = fold[order] == number
        np.testing.assert_allclose(mean[order][rows], expected[0][rows], rtol=0, atol=1e-9)
        np.testing.assert_allclose(deviation[order][rows], expected[1][rows], rtol=0, atol=1e-9)
    # The last factors are learnt from the whole training part.
    assert process.factors.tobytes() == factors.factors.tobytes()


def test_folds_keep_a_users_rows_together_if_only_the_past_is_visible() -> None:
    log = make_log(past_only=True)
    folds = draw_folds(log, GAUSSIAN_PROCESS)
    assert all(len(np.unique(folds[log.user == user])) == 1 for user in np.unique(log.user))
    apart = draw_folds(make_log(past_only=False), GAUSSIAN_PROCESS)
    assert np.bincount(apart).min() > 0


def test_only_rows_that_predictions_take_are_filtered() -> None:
    """Row 2 is neither a target nor context, and the user of the last row has no target."""
    log = replace(
        make_log(past_only=False), user=np.array([1, 0, 1, 1, 2]), seconds=np.arange(5), part=None
    )
    targets, is_context = np.array([1, 1, 0, 0, 0], bool), np.array([0, 1, 0, 1, 1], bool)
    assert rows_to_filter(log, targets, is_context).tolist() == [1, 0, 3]


@pytest.mark.parametrize("past_only", [False, True])
def test_no_prediction_depends_on_a_query(past_only: bool) -> None:
    """A drawn negative, for example, is a query of the log."""
    log = make_log(past_only)
    is_query = np.arange(len(log.part)) % 7 == 0
    log = replace(log, part=np.where(is_query, QUERY, log.part))
    first, second = (
        fit_and_predict(log, np.where(is_query, value, log.stars), CONTENT, GAUSSIAN_PROCESS)
        for value in (1.0, 5.0)
    )
    for mine, others in zip(first[:2], second[:2], strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize("past_only", [False, True])
def test_a_planted_taste_is_found(past_only: bool) -> None:
    """Half of the users like even movies and half like odd movies, with noise."""
    # A movie has only eight ratings, which the default damping would outweigh.
    params = GAUSSIAN_PROCESS.model_copy(update={"factor_damping": 2.0})
    log = make_log(past_only)
    random = np.random.default_rng(0)
    agrees = (log.user % 2) == (log.movie % 2)
    target = np.where(agrees, 4.0, 2.0) + random.normal(0, 0.5, len(agrees))
    mean, deviation, _ = fit_and_predict(log, target, CONTENT, params)
    test = log.part == 2
    assert np.corrcoef(mean[test], target[test])[0, 1] > 0.4
    assert (deviation > 0).all()


def test_degenerate_input_gives_finite_predictions() -> None:
    """Try a target that never varies, and so few users that a fold contains all of them."""
    log = make_log(past_only=True)
    alone = replace(log, user=np.zeros_like(log.user))
    for some, target in ((log, np.ones(len(log.user))), (alone, log.stars)):
        mean, deviation, _ = fit_and_predict(some, target, CONTENT, GAUSSIAN_PROCESS)
        assert np.isfinite(mean).all()
        assert (deviation > 0).all()
