"""No statistic of a row leaks a label: its own, a later one, or one of the test part."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from recsys.features.statistics import GROUPS, Statistics
from recsys.features.visibility import RatingLog, VisibleRatings
from tests.logs import (
    GAUSSIAN_PROCESS,
    MOVIES,
    RATINGS,
    STATISTICS,
    USERS,
    make_genres,
    make_log,
    make_years,
    with_stars,
)


def make_statistics(log: RatingLog) -> Statistics:
    return Statistics(log, make_genres(), make_years(), STATISTICS, GAUSSIAN_PROCESS)


def compute(log: RatingLog) -> np.ndarray:
    """All statistics, [N, columns]."""
    columns = make_statistics(log).compute(tuple(GROUPS))
    return np.column_stack(list(columns.values()))


def test_labels_of_the_test_part_change_no_statistic_of_any_row() -> None:
    log = make_log(past_only=False)
    hidden = np.flatnonzero(log.part > 0)
    changed = with_stars(log, hidden, np.random.default_rng(1).permutation(log.stars[hidden]))
    assert (changed.label != log.label).any()
    np.testing.assert_array_equal(compute(changed), compute(log))


def test_later_labels_change_no_statistic_of_an_earlier_row() -> None:
    log = make_log(past_only=True)
    second = log.seconds[log.part == 2][5]
    later = np.flatnonzero(log.seconds >= second)
    changed = with_stars(log, later, 6 - log.stars[later])
    before, after = compute(log), compute(changed)
    early = log.seconds <= second
    np.testing.assert_array_equal(after[early], before[early])
    assert (after[~early] != before[~early]).any()


@pytest.mark.parametrize("past_only", [False, True])
def test_a_training_rows_own_label_hardly_changes_its_statistics(past_only: bool) -> None:
    """The label changes them only through means over the whole training part."""
    log = make_log(past_only)
    before = compute(log)
    others = 0.0
    for row in np.flatnonzero(log.training)[::20]:
        changed = compute(with_stars(log, np.array([row]), 6 - log.stars[[row]]))
        difference = np.abs(changed - before)
        assert difference[row].max() < 0.05
        others = max(others, difference.max())
    assert others > 0.3


def auc_with_random_labels(log: RatingLog) -> float:
    """The AUC of a model of the statistics on held-out rows of a log, whose labels are random."""
    values = compute(log)
    values = (values - values.mean(0)) / (values.std(0) + 1e-9)
    model = LogisticRegression(C=0.1).fit(values[log.training], log.label[log.training])
    rest = ~log.training
    return float(roc_auc_score(log.label[rest], model.decision_function(values[rest])))


@pytest.mark.parametrize("past_only", [False, True])
def test_random_labels_are_predictable_only_with_a_planted_leak(
    past_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = np.mean([auc_with_random_labels(make_log(past_only, seed)) for seed in range(4)])
    assert abs(honest - 0.5) < 0.1

    def sum_with_itself(self: VisibleRatings, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.groups, weights=values)[self.groups]

    monkeypatch.setattr(VisibleRatings, "sum", sum_with_itself)
    assert np.mean([auc_with_random_labels(make_log(past_only, seed)) for seed in range(4)]) > 0.65


def test_statistics_match_an_example_by_hand() -> None:
    """The last row is user 0's third rating, after a 5 for movie 0 and a 1 for movie 1.

    User 1 gave movie 0 a 3 before, and nobody rated movie 1 before.
    """
    log = RatingLog(
        user=np.array([1, 0, 0, 0]),
        movie=np.array([0, 0, 1, 2]),
        stars=np.array([3.0, 5.0, 1.0, 4.0]),
        label=np.array([0, 1, 0, 1], np.int8),
        seconds=np.array([10, 20, 30, 40]),
        part=np.array([0, 0, 0, 2]),
        past_only=True,
    )
    genres = np.array([[1, 0], [0, 1], [1, 0]], bool)
    statistics = Statistics(log, genres, np.full(3, 1990), STATISTICS, GAUSSIAN_PROCESS)
    columns = statistics.compute(("user", "movie", "affinity", "recent", "time"))
    last = {name: values[3] for name, values in columns.items()}
    assert last["user_count"] == pytest.approx(np.log(3))
    assert last["user_mean"] == pytest.approx((6 + 5 * 3) / 7)
    # The 5 is 2 above the damped mean of movie 0, (3 + 10 * 3) / 11; the 1 is 2 below that of
    # movie 1, which is the overall mean, 3.
    assert last["user_residual"] == pytest.approx((2 - 2) / 7)
    assert last["movie_mean"] == pytest.approx(3)
    assert last["genre_affinity"] == pytest.approx(2 / 6)
    assert last["last_1_residual"] == pytest.approx(-2 / 2)
    assert last["last_5_like_rate"] == pytest.approx((1 + 1 / 3) / 3)
    assert last["ratings_before"] == pytest.approx(np.log(3))
    assert last["seconds_since_last"] == pytest.approx(np.log(11))


def test_the_test_data_have_the_expected_size() -> None:
    log = make_log(past_only=False)
    assert (log.user.max() + 1, log.movie.max() + 1) == (USERS, MOVIES)
    assert np.bincount(log.part).tolist() == [8 * RATINGS // 10, RATINGS // 10, RATINGS // 10]


def test_time_windows_contain_only_ratings_of_the_user() -> None:
    """All ratings are within minutes, so the window contains all training ratings of a user."""
    log = make_log(past_only=False)
    columns = make_statistics(log).compute(("recent",))
    counts = np.expm1(columns["within_1800_count"])
    expected = np.bincount(log.user, weights=log.training)[log.user] - log.training
    np.testing.assert_allclose(counts, expected, atol=1e-9)
