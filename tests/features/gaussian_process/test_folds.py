from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from recsys.features.gaussian_process import folds
from recsys.features.gaussian_process.co_ratings import find_co_ratings
from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.gaussian_process.folds import (
    Prediction,
    draw_people,
    learn_processes,
    rows_to_filter,
    take_sample,
)
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import QUERY, RatingLog
from tests.features.gaussian_process import textbook
from tests.logs import GAUSSIAN_PROCESS, MOVIES, USERS, make_log

CONTENT = np.ones((MOVIES, 1))


class Found(NamedTuple):
    """The predictions of each target, and the processes by target and fold."""

    predictions: dict[str, Prediction]
    processes: dict[tuple[str, int], GaussianProcess]


def predict_all(
    log: RatingLog,
    targets: dict[str, np.ndarray],
    params: GaussianProcessParams = GAUSSIAN_PROCESS,
) -> Found:
    """Learn from a log, and predict its rows."""
    row, is_drawn = np.arange(len(log.user)), draw_people(int(log.user.max()) + 1, params)
    sample = take_sample(log, row, targets, is_drawn, params)
    learnt = learn_processes(sample, int(is_drawn.sum()), CONTENT, params)
    processes = {(name, fold): process for name, fold, process in learnt}

    def load(name: str, fold: int) -> GaussianProcess:
        return processes[name, fold]

    found = folds.predict(log, row, targets, load, sample.only_fold, params)
    return Found(found, processes)


def predict(
    log: RatingLog, target: np.ndarray, params: GaussianProcessParams = GAUSSIAN_PROCESS
) -> Prediction:
    """The predictions of one target."""
    return predict_all(log, {"target": target}, params).predictions["target"]


def draw_folds(log: RatingLog, params: GaussianProcessParams = GAUSSIAN_PROCESS) -> np.ndarray:
    return folds.draw_folds(log, np.arange(len(log.user)), params)


@pytest.mark.parametrize("past_only", [False, True])
def test_each_row_is_predicted_by_what_was_learnt_from_the_other_folds(past_only: bool) -> None:
    log = make_log(past_only)
    found = predict_all(log, {"target": log.stars})
    mean, deviation = found.predictions["target"]
    is_context = log.training | past_only
    order = np.lexsort((log.seconds, log.user))
    fold = np.where(log.training, draw_folds(log), GAUSSIAN_PROCESS.folds)
    for number in range(GAUSSIAN_PROCESS.folds + 1):
        learnt = log.training & (fold != number)
        user, movie, stars = (column[learnt] for column in (log.user, log.movie, log.stars))
        co_ratings = find_co_ratings(user, movie, USERS, MOVIES)
        process = learn_factors(user, movie, stars, CONTENT, co_ratings, GAUSSIAN_PROCESS)
        columns = (log.user, log.movie, log.seconds, log.stars, is_context)
        expected = textbook.predict_rows(
            process,
            *(column[order] for column in columns),
            past_only=past_only,
            in_prior=learnt[order],
        )
        rows = fold[order] == number
        np.testing.assert_allclose(mean[order][rows], expected[0][rows], rtol=0, atol=1e-9)
        np.testing.assert_allclose(deviation[order][rows], expected[1][rows], rtol=0, atol=1e-9)
        same = found.processes["target", number]
        for name in ("factors", "prior_mean", "prior_shifts"):
            assert getattr(process, name).tobytes() == getattr(same, name).tobytes()


@pytest.mark.parametrize("past_only", [False, True])
def test_users_outside_of_the_sample_are_predicted_as_those_in_it(past_only: bool) -> None:
    """What is learnt is the same without them, and their rows have processes of the same folds."""
    log, params = make_log(past_only), GAUSSIAN_PROCESS.model_copy(update={"people": 7})
    is_drawn = draw_people(USERS, params)
    assert is_drawn.sum() == 7
    found = predict_all(log, {"target": log.stars}, params)
    changed = np.where(is_drawn[log.user], log.stars, 6 - log.stars)
    others = predict_all(log, {"target": changed}, params)
    for key, process in found.processes.items():
        np.testing.assert_array_equal(process.factors, others.processes[key].factors)
    fold = np.where(log.training, draw_folds(log, params), params.folds)
    order = np.lexsort((log.seconds, log.user))
    for number in range(params.folds + 1):
        columns = (log.user, log.movie, log.seconds, log.stars, log.training | past_only)
        expected, _ = textbook.predict_rows(
            found.processes["target", number],
            *(column[order] for column in columns),
            past_only=past_only,
            in_prior=(log.training & (fold != number))[order],
        )
        rows = fold[order] == number
        mean = found.predictions["target"].mean[order][rows]
        np.testing.assert_allclose(mean, expected[rows], rtol=0, atol=1e-9)


def test_targets_have_no_effect_on_each_other() -> None:
    log = make_log(past_only=False)
    targets = {"stars": log.stars, "label": log.label.astype(float)}
    together = predict_all(log, targets).predictions
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
    drawn = draw_folds(log)
    assert all(len(np.unique(drawn[log.user == user])) == 1 for user in np.unique(log.user))


def test_folds_have_about_the_same_size_and_follow_the_seed() -> None:
    log = make_log(past_only=False)
    row, params = np.arange(len(log.user)) * 3, GAUSSIAN_PROCESS
    drawn = folds.draw_folds(log, row, params)
    assert np.bincount(drawn, minlength=params.folds).min() > len(row) / params.folds / 1.5
    another = folds.draw_folds(log, row, params.model_copy(update={"seed": 2}))
    assert 0.5 < (drawn != another).mean() < 0.9
    # A row keeps its fold, whichever rows are there.
    np.testing.assert_array_equal(folds.draw_folds(log, row[5:], params), drawn[5:])


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
    for mine, others in zip(first, second, strict=True):
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
    mean, deviation = predict(log, target, params)
    test = log.part == 2
    assert np.corrcoef(mean[test], target[test])[0, 1] > 0.4
    assert (deviation > 0).all()


def test_degenerate_input_gives_finite_predictions() -> None:
    """Try a target that never varies, and so few users that a fold contains all of them."""
    log = make_log(past_only=True)
    alone = replace(log, user=np.zeros_like(log.user))
    for some, target in ((log, np.ones(len(log.user))), (alone, log.stars)):
        mean, deviation = predict(some, target)
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
    found = predict_all(log, {"target": log.stars})
    mean, last = found.predictions["target"].mean, found.processes["target", GAUSSIAN_PROCESS.folds]
    assert np.abs(last.prior_shifts).max() > 0
    for rows in (log.training, ~log.training):
        assert roc_auc_score(log.stars[rows] > 3, mean[rows]) == pytest.approx(0.5, abs=0.04)
