from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.features.gaussian_process.co_ratings import find_co_ratings
from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.gaussian_process.folds import (
    Predictions,
    draw_folds,
    fit_and_predict,
    rows_to_filter,
)
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import QUERY, RatingLog
from tests.features.gaussian_process import textbook
from tests.logs import GAUSSIAN_PROCESS, MOVIES, USERS, make_log

CONTENT = np.ones((MOVIES, 1))


def predict(
    log: RatingLog, target: np.ndarray, params: GaussianProcessParams = GAUSSIAN_PROCESS
) -> Predictions:
    """The predictions of one target."""
    return fit_and_predict(log, {"target": target}, CONTENT, params)["target"]


@pytest.mark.parametrize("past_only", [False, True])
def test_each_row_is_predicted_by_what_was_learnt_from_the_other_folds(past_only: bool) -> None:
    log = make_log(past_only)
    mean, deviation, process = predict(log, log.stars)
    is_context = log.training | past_only
    order = np.lexsort((log.seconds, log.user))
    fold = np.where(log.training, draw_folds(log, GAUSSIAN_PROCESS), GAUSSIAN_PROCESS.folds)
    for number in range(GAUSSIAN_PROCESS.folds + 1):
        learnt = log.training & (fold != number)
        co_ratings = find_co_ratings(log.user[learnt], log.movie[learnt], USERS, MOVIES)
        learnt_process = learn_factors(
            log, log.stars, learnt, CONTENT, co_ratings, GAUSSIAN_PROCESS
        )
        columns = (log.user, log.movie, log.seconds, log.stars, is_context)
        expected = textbook.predict_rows(
            learnt_process,
            *(column[order] for column in columns),
            past_only=past_only,
            in_prior=learnt[order],
        )
        rows = fold[order] == number
        np.testing.assert_allclose(mean[order][rows], expected[0][rows], rtol=0, atol=1e-9)
        np.testing.assert_allclose(deviation[order][rows], expected[1][rows], rtol=0, atol=1e-9)
    # The last process is learnt from the whole training part.
    for name in ("factors", "prior_mean", "prior_shifts"):
        assert getattr(process, name).tobytes() == getattr(learnt_process, name).tobytes()


def test_targets_have_no_effect_on_each_other() -> None:
    log = make_log(past_only=False)
    targets = {"stars": log.stars, "label": log.label.astype(float)}
    together = fit_and_predict(log, targets, CONTENT, GAUSSIAN_PROCESS)
    for name, values in targets.items():
        alone = predict(log, values)
        np.testing.assert_array_equal(together[name].mean, alone.mean)
        np.testing.assert_array_equal(together[name].deviation, alone.deviation)


@pytest.mark.parametrize("past_only", [False, True])
def test_no_prediction_depends_on_its_own_row(past_only: bool) -> None:
    log = make_log(past_only)
    before = predict(log, log.stars)
    for row in np.flatnonzero(log.training)[::40]:
        stars = log.stars.copy()
        stars[row] = 9 - stars[row]
        after = predict(log, stars)
        assert after.mean[row] == pytest.approx(before.mean[row], abs=1e-9)
        assert after.deviation[row] == pytest.approx(before.deviation[row], abs=1e-9)
        assert (after.mean != before.mean).any()


def test_folds_keep_a_users_rows_together_if_only_the_past_is_visible() -> None:
    log = make_log(past_only=True)
    folds = draw_folds(log, GAUSSIAN_PROCESS)
    assert all(len(np.unique(folds[log.user == user])) == 1 for user in np.unique(log.user))
    apart = draw_folds(make_log(past_only=False), GAUSSIAN_PROCESS)
    assert np.bincount(apart).min() > 0


def test_only_rows_that_predictions_take_are_filtered() -> None:
    """Row 2 is neither a target nor context, and the user of the last row has no target."""
    user, part = np.array([1, 0, 1, 1, 2]), np.array([1, 0, 1, 0, 0])
    log = replace(make_log(past_only=False), user=user, seconds=np.arange(5), part=part)
    wanted = np.array([1, 1, 0, 0, 0], bool)
    assert rows_to_filter(log, wanted).tolist() == [1, 0, 3]


@pytest.mark.parametrize("past_only", [False, True])
def test_no_prediction_depends_on_a_query(past_only: bool) -> None:
    """A drawn negative, for example, is a query of the log."""
    log = make_log(past_only)
    is_query = np.arange(len(log.part)) % 7 == 0
    log = replace(log, part=np.where(is_query, QUERY, log.part))
    first, second = (predict(log, np.where(is_query, value, log.stars)) for value in (1.0, 5.0))
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
    mean, deviation, _ = predict(log, target, params)
    test = log.part == 2
    assert np.corrcoef(mean[test], target[test])[0, 1] > 0.4
    assert (deviation > 0).all()


def test_degenerate_input_gives_finite_predictions() -> None:
    """Try a target that never varies, and so few users that a fold contains all of them."""
    log = make_log(past_only=True)
    alone = replace(log, user=np.zeros_like(log.user))
    for some, target in ((log, np.ones(len(log.user))), (alone, log.stars)):
        mean, deviation, _ = predict(some, target)
        assert np.isfinite(mean).all()
        assert (deviation > 0).all()


@pytest.mark.parametrize("past_only", [False, True])
def test_random_stars_are_not_predicted_from_who_rated_what(past_only: bool) -> None:
    """Two groups rate two kinds of movies, and their stars are random."""
    random = np.random.default_rng(0)
    users, count = 200, 6000
    user, movie = np.divmod(random.choice(users * MOVIES, count, replace=False), MOVIES)
    kept = (user % 2 == movie % 2) | (random.random(count) < 0.2)
    user, movie, count = user[kept], movie[kept], int(kept.sum())
    part = np.arange(count) // (count // 10) - 7
    log = replace(
        make_log(past_only),
        user=user,
        movie=movie,
        stars=random.integers(1, 6, count).astype(float),
        seconds=10**9 + np.arange(count) // 3,
        part=np.maximum(part if past_only else random.permutation(part), 0),
    )
    mean, _, process = predict(log, log.stars)
    assert np.abs(process.prior_shifts).max() > 0
    for rows in (log.training, ~log.training):
        assert roc_auc_score(log.stars[rows] > 3, mean[rows]) == pytest.approx(0.5, abs=0.04)
