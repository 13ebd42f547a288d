"""No statistic tells a label, its own or one that comes later or is to be predicted."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from recsys.features.statistics import GROUPS, Statistics
from recsys.features.visibility import RatingLog, Visible
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
    """Only through means over the whole training part."""
    log = make_log(past_only)
    before = compute(log)
    others = 0.0
    for row in np.flatnonzero(log.training)[::20]:
        changed = compute(with_stars(log, np.array([row]), 6 - log.stars[[row]]))
        difference = np.abs(changed - before)
        assert difference[row].max() < 0.05
        others = max(others, difference.max())
    assert others > 0.3


def guess(log: RatingLog) -> float:
    """AUC on held-out rows of a model of the statistics, when the labels are coins."""
    values = compute(log)
    values = (values - values.mean(0)) / (values.std(0) + 1e-9)
    model = LogisticRegression(C=0.1).fit(values[log.training], log.label[log.training])
    rest = ~log.training
    return float(roc_auc_score(log.label[rest], model.decision_function(values[rest])))


@pytest.mark.parametrize("past_only", [False, True])
def test_coins_are_not_foreseen_but_with_a_planted_leak(
    past_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = np.mean([guess(make_log(past_only, seed)) for seed in range(4)])
    assert abs(honest - 0.5) < 0.1

    def sum_with_itself(self: Visible, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.groups, weights=values)[self.groups]

    monkeypatch.setattr(Visible, "sum", sum_with_itself)
    assert np.mean([guess(make_log(past_only, seed)) for seed in range(4)]) > 0.65


def test_statistics_by_hand() -> None:
    """A user's third rating, after a 5 for a movie that others gave 3 and a 1 for a new one."""
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
    # Above the shrunk mean of the first movie, (3 + 10 * 3) / 11, and below that of the second.
    assert last["user_residual"] == pytest.approx((2 - 2) / 7)
    assert last["movie_mean"] == pytest.approx(3)
    assert last["genre_affinity"] == pytest.approx(2 / 6)
    assert last["last_1_residual"] == pytest.approx(-2 / 2)
    assert last["last_5_like_rate"] == pytest.approx((1 + 1 / 3) / 3)
    assert last["ratings_before"] == pytest.approx(np.log(3))
    assert last["seconds_since_last"] == pytest.approx(np.log(11))


def test_the_world_is_as_large_as_it_says() -> None:
    log = make_log(past_only=False)
    assert (log.user.max() + 1, log.movie.max() + 1) == (USERS, MOVIES)
    assert np.bincount(log.part).tolist() == [8 * RATINGS // 10, RATINGS // 10, RATINGS // 10]


def test_what_is_near_in_time_is_the_users_own() -> None:
    """All within minutes, so that every window holds all of a user's training ratings."""
    log = make_log(past_only=False)
    columns = make_statistics(log).compute(("recent",))
    counts = np.expm1(columns["within_1800_count"])
    expected = np.bincount(log.user, weights=log.training)[log.user] - log.training
    np.testing.assert_allclose(counts, expected, atol=1e-9)
