"""The features of a pair that is asked for equal those that the whole log gives its row."""

import numpy as np
import pytest

from recsys.features.batch.output import list_ratings
from recsys.features.online import Features, OnlineFeatures, Queries
from recsys.features.online_with_log import OnlineFeaturesWithLog
from recsys.features.statistics import GROUPS
from recsys.features.visibility import RatingLog
from tests.logs import (
    MOVIES,
    USERS,
    Computed,
    adjust,
    compute,
    make_log,
    some_rows,
    with_stars,
)


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
def test_one_user_at_one_time_is_the_same_as_many(past_only: bool) -> None:
    """One user at one time takes a way of its own through the Gaussian process."""
    log = make_log(past_only)
    computed = compute(log)
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    users, movies = np.repeat(np.arange(USERS), MOVIES + 1), np.tile(np.arange(MOVIES + 1), USERS)
    as_of = store.default_as_of(users)
    together = store.compute(
        store.ratings_of(np.arange(USERS)), Queries(users, movies, as_of)
    ).dense.reshape(USERS, MOVIES + 1, -1)
    for user in range(USERS):
        of_user = users == user
        ratings = store.ratings_of(np.array([user]))
        queries = Queries(users[of_user], movies[of_user], as_of[of_user])
        alone = store.compute(ratings, queries).dense
        np.testing.assert_allclose(alone, together[user], atol=1e-5)


def test_without_the_log_a_time_after_its_end_gives_the_same() -> None:
    log = make_log(past_only=True)
    computed = compute(log)
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    queries = Queries(np.full(MOVIES, 3), np.arange(MOVIES), np.full(MOVIES, store.end + 100))
    ratings = store.ratings_of(np.array([3]))
    np.testing.assert_array_equal(
        OnlineFeatures(computed.fitted).compute(ratings, queries).dense,
        store.compute(ratings, queries).dense,
    )


def test_a_user_without_ratings_has_features() -> None:
    computed = compute(make_log(past_only=True))
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    unknown = np.full(MOVIES, USERS)
    queries = Queries(unknown, np.arange(MOVIES), store.default_as_of(unknown))
    found = store.compute(store.ratings_of(np.array([USERS])), queries)
    assert np.isfinite(found.dense).all()
    assert lists(found, "liked") == [[]] * MOVIES


def test_new_ratings_of_a_user_count_like_ratings_in_the_log() -> None:
    """What was fitted stays, and the user asks about movies that the new ratings are not of."""
    log, start = make_log(past_only=True), 200
    before = compute(some_rows(log, np.arange(start)))
    store, user = OnlineFeaturesWithLog(before.fitted, before.ratings), log.user[-1]
    new = start + np.flatnonzero(log.user[start:] == user)
    assert len(new) > 2
    longer = some_rows(log, np.append(np.arange(start), new))
    _, adjusted = adjust(longer, before.fitted.means)
    expected = OnlineFeaturesWithLog(before.fitted, list_ratings(longer, adjusted))
    added = store.label_new_ratings(
        *(c[new] for c in (log.user, log.movie, log.stars, log.seconds))
    )
    ratings = store.ratings_of(np.array([user])).extend(added)
    movies = np.setdiff1d(np.arange(MOVIES), log.movie[new])
    for as_of in (log.seconds[new[1]], log.seconds[-1] + 100):
        asked = Queries(np.full_like(movies, user), movies, np.full_like(movies, as_of))
        found, wanted = (
            some.compute(given, asked)
            for some, given in ((store, ratings), (expected, expected.ratings_of(np.array([user]))))
        )
        np.testing.assert_allclose(found.dense, wanted.dense, atol=1e-5)
        assert lists(found, "liked") == lists(wanted, "liked")


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


# The columns that no label has an effect on.
WITHOUT_LABELS = {
    *("user_count", "movie_count", "genre_count"),
    *("year_rated", "year_released"),
}


def test_a_later_training_label_reaches_earlier_rows_through_fitted_values_alone() -> None:
    """The overall means, the standardisation and the factors are of the whole training part."""
    log = make_log(past_only=True)
    late = np.flatnonzero(log.training & (log.stars != 3))[-1]
    early = np.flatnonzero(log.seconds < log.seconds[late])
    changed = with_stars(log, np.array([late]), 6 - log.stars[[late]])
    before, after = compute(log), compute(changed)
    reached = {
        name for name, values in before.dense.items() if (values != after.dense[name])[early].any()
    }
    assert reached == before.dense.keys() - WITHOUT_LABELS
    ratings = list_ratings(changed, adjust(changed, before.fitted.means)[1])
    np.testing.assert_array_equal(
        replay(OnlineFeaturesWithLog(before.fitted, ratings), log, early).dense,
        replay(OnlineFeaturesWithLog(before.fitted, before.ratings), log, early).dense,
    )


def everything(computed: Computed, second: int | None = None) -> np.ndarray:
    """The features of all users with all movies at one time, [U * M, d]."""
    store = OnlineFeaturesWithLog(computed.fitted, computed.ratings)
    users, movies = np.repeat(np.arange(USERS), MOVIES), np.tile(np.arange(MOVIES), USERS)
    seconds = np.full(len(users), store.end + 1 if second is None else second)
    return store.compute(store.ratings_of(np.arange(USERS)), Queries(users, movies, seconds)).dense
