"""The features of a pair that is asked for equal those that the whole log gives its row."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.features.build import Computed, list_ratings, sum_all
from recsys.features.online import Features, OnlineFeatures, Queries
from recsys.features.online_with_log import OnlineFeaturesWithLog
from recsys.features.statistics import GROUPS, sum_movies
from recsys.features.visibility import RatingLog
from tests.logs import MOVIES, USERS, compute, first_rows, make_log, with_stars


def columns_of(computed: Computed, rows: np.ndarray) -> np.ndarray:
    """The dense features of some rows, [B, d]."""
    return np.column_stack([values[rows] for values in computed.dense.values()])


def histories_of(computed: Computed, name: str, rows: np.ndarray) -> list[list[int]]:
    history = computed.histories[name]
    return [
        [
            int(history.movies[place])
            for place in range(history.start[row], history.start[row] + history.length[row])
            if place != history.skip[row]
        ]
        for row in rows
    ]


def lists(features: Features, name: str) -> list[list[int]]:
    movies, lengths = features.histories[name]
    return [part.tolist() for part in np.split(movies, np.cumsum(lengths)[:-1])]


def query(log: RatingLog, rows: np.ndarray) -> Queries:
    return Queries(log.user[rows], log.movie[rows], log.seconds[rows])


def replay(store: OnlineFeaturesWithLog, log: RatingLog, rows: np.ndarray) -> Features:
    return store.compute(store.ratings_of(np.unique(log.user[rows])), query(log, rows))


@pytest.mark.parametrize("past_only", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_replay_of_the_log_gives_the_columns(past_only: bool, seed: int) -> None:
    """Rows of the training part have processes of their fold, so the replay leaves these out."""
    log = make_log(past_only, seed)
    computed = compute(log)
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    rows = np.flatnonzero(~log.training)
    found = replay(store, log, rows)
    np.testing.assert_allclose(found.dense, columns_of(computed, rows), atol=1e-5)
    for name in ("liked", "disliked"):
        assert lists(found, name) == histories_of(computed, name, rows)


def test_a_replay_of_training_rows_gives_their_statistics() -> None:
    log = make_log(past_only=True)
    computed = compute(log, tuple(GROUPS))
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    rows = np.arange(len(log.user))
    found = replay(store, log, rows)
    np.testing.assert_allclose(found.dense, columns_of(computed, rows), atol=1e-5)


@pytest.mark.parametrize("past_only", [False, True])
def test_one_moment_of_one_user_is_the_same_as_many(past_only: bool) -> None:
    """A single moment takes a way of its own through the Gaussian process."""
    log = make_log(past_only)
    computed = compute(log)
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    users, movies = np.repeat(np.arange(USERS), MOVIES + 1), np.tile(np.arange(MOVIES + 1), USERS)
    moments = store.find_moments(users)
    together = store.compute(
        store.ratings_of(np.arange(USERS)), Queries(users, movies, moments)
    ).dense.reshape(USERS, MOVIES + 1, -1)
    for user in range(USERS):
        of_user = users == user
        ratings = store.ratings_of(np.array([user]))
        wanted = Queries(users[of_user], movies[of_user], moments[of_user])
        alone = store.compute(ratings, wanted).dense
        np.testing.assert_allclose(alone, together[user], atol=1e-5)


def test_without_the_log_a_time_after_its_end_gives_the_same() -> None:
    log = make_log(past_only=True)
    computed = compute(log)
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    wanted = Queries(np.full(MOVIES, 3), np.arange(MOVIES), np.full(MOVIES, store.end + 100))
    ratings = store.ratings_of(np.array([3]))
    np.testing.assert_array_equal(
        OnlineFeatures(computed.fitted).compute(ratings, wanted).dense,
        store.compute(ratings, wanted).dense,
    )


def test_somebody_without_ratings_has_features() -> None:
    computed = compute(make_log(past_only=True))
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    nobody = np.full(MOVIES, USERS)
    wanted = Queries(nobody, np.arange(MOVIES), store.find_moments(nobody))
    found = store.compute(store.ratings_of(np.array([USERS])), wanted)
    assert np.isfinite(found.dense).all()
    assert lists(found, "liked") == [[]] * MOVIES


def test_new_ratings_give_the_features_of_a_log_that_has_them() -> None:
    """What was fitted stays; sums and histories go on as if the log had been longer."""
    log, start, stop = make_log(past_only=True), 200, 230
    before = compute(first_rows(log, start))
    store = OnlineFeaturesWithLog(before.fitted, before.ratings)
    for row in range(start, stop):
        store.append(log.user[row], log.movie[[row]], log.stars[[row]], log.seconds[[row]])
    longer, constants = first_rows(log, stop), before.fitted.constants
    _, residual, unexplained = sum_movies(longer, constants)
    movies = sum_all(longer, unexplained, MOVIES + 1)
    expected = OnlineFeaturesWithLog(
        replace(before.fitted, movies=movies, end=int(longer.seconds[-1])),
        list_ratings(longer, residual, unexplained),
    )
    rows = np.arange(stop, len(log.user))
    found, wanted = replay(store, log, rows), replay(expected, log, rows)
    np.testing.assert_allclose(found.dense, wanted.dense, atol=1e-5)
    assert lists(found, "liked") == lists(wanted, "liked")
    late = np.full(MOVIES, store.end + 1)
    queries = Queries(np.full(MOVIES, log.user[start]), np.arange(MOVIES), late)
    np.testing.assert_allclose(
        *(s.compute(s.ratings_of(queries.user[:1]), queries).dense for s in (store, expected)),
        atol=1e-5,
    )


def test_a_second_rating_of_a_movie_is_refused() -> None:
    log = make_log(past_only=True)
    computed = compute(log)
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    with pytest.raises(ValueError, match="has rated movie"):
        store.append(log.user[0], log.movie[[0]], log.stars[[0]], log.seconds[[-1]])


def test_labels_of_the_test_part_change_no_feature_of_any_pair() -> None:
    log = make_log(past_only=False)
    hidden = np.flatnonzero(log.part > 0)
    changed = with_stars(log, hidden, 6 - log.stars[hidden])
    found = [everything(compute(log)) for log in (log, changed)]
    np.testing.assert_array_equal(*found)


def test_later_labels_change_no_feature_of_an_earlier_time() -> None:
    log = make_log(past_only=True)
    second = int(log.seconds[log.part == 2][5])
    later = np.flatnonzero(log.seconds >= second)
    changed = with_stars(log, later, 6 - log.stars[later])
    before, after = (everything(compute(log), second) for log in (log, changed))
    np.testing.assert_array_equal(before, after)
    assert (everything(compute(log)) != everything(compute(changed))).any()


def everything(computed: Computed, second: int | None = None) -> np.ndarray:
    """The features of all users with all movies at one time, [U * M, d]."""
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    users, movies = np.repeat(np.arange(USERS), MOVIES), np.tile(np.arange(MOVIES), USERS)
    seconds = np.full(len(users), store.end + 1 if second is None else second)
    return store.compute(store.ratings_of(np.arange(USERS)), Queries(users, movies, seconds)).dense
