"""No statistic tells a label, its own or one that comes later or is to be predicted."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from recsys.features.statistics import GROUPS, Statistics
from recsys.features.visibility import Facts, Known
from tests.worlds import MOVIES, RATINGS, USERS, make_facts, make_genres, make_years, with_stars


def compute(facts: Facts) -> np.ndarray:
    """All statistics, [N, columns]."""
    columns = Statistics(facts, make_genres(), make_years()).compute(tuple(GROUPS))
    return np.column_stack(list(columns.values()))


def test_labels_of_the_test_part_change_no_statistic_of_any_row() -> None:
    facts = make_facts(causal=False)
    hidden = np.flatnonzero(facts.part > 0)
    changed = with_stars(facts, hidden, np.random.default_rng(1).permutation(facts.stars[hidden]))
    assert (changed.label != facts.label).any()
    np.testing.assert_array_equal(compute(changed), compute(facts))


def test_later_labels_change_no_statistic_of_an_earlier_row() -> None:
    facts = make_facts(causal=True)
    second = facts.seconds[facts.part == 2][5]
    later = np.flatnonzero(facts.seconds >= second)
    changed = with_stars(facts, later, 6 - facts.stars[later])
    before, after = compute(facts), compute(changed)
    early = facts.seconds <= second
    np.testing.assert_array_equal(after[early], before[early])
    assert (after[~early] != before[~early]).any()


@pytest.mark.parametrize("causal", [False, True])
def test_a_training_rows_own_label_hardly_changes_its_statistics(causal: bool) -> None:
    """Only through means over the whole training part."""
    facts = make_facts(causal)
    before = compute(facts)
    others = 0.0
    for row in np.flatnonzero(facts.training)[::20]:
        changed = compute(with_stars(facts, np.array([row]), 6 - facts.stars[[row]]))
        difference = np.abs(changed - before)
        assert difference[row].max() < 0.05
        others = max(others, difference.max())
    assert others > 0.3


def guess(facts: Facts) -> float:
    """AUC on held-out rows of a model of the statistics, when the labels are coins."""
    values = compute(facts)
    values = (values - values.mean(0)) / (values.std(0) + 1e-9)
    model = LogisticRegression(C=0.1).fit(values[facts.training], facts.label[facts.training])
    rest = ~facts.training
    return float(roc_auc_score(facts.label[rest], model.decision_function(values[rest])))


@pytest.mark.parametrize("causal", [False, True])
def test_coins_are_not_foreseen_but_with_a_planted_leak(
    causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = np.mean([guess(make_facts(causal, seed)) for seed in range(4)])
    assert abs(honest - 0.5) < 0.1

    def sum_with_itself(self: Known, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.groups, weights=values)[self.groups]

    monkeypatch.setattr(Known, "sum", sum_with_itself)
    assert np.mean([guess(make_facts(causal, seed)) for seed in range(4)]) > 0.65


def test_statistics_by_hand() -> None:
    """A user's third rating, after a 5 for a movie that others gave 3 and a 1 for a new one."""
    facts = Facts(
        user=np.array([1, 0, 0, 0]),
        movie=np.array([0, 0, 1, 2]),
        stars=np.array([3.0, 5.0, 1.0, 4.0]),
        label=np.array([0, 1, 0, 1], np.int8),
        seconds=np.array([10, 20, 30, 40]),
        part=np.array([0, 0, 0, 2]),
        causal=True,
    )
    statistics = Statistics(facts, np.array([[1, 0], [0, 1], [1, 0]], bool), np.full(3, 1990))
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
    facts = make_facts(causal=False)
    assert (facts.user.max() + 1, facts.movie.max() + 1) == (USERS, MOVIES)
    assert np.bincount(facts.part).tolist() == [8 * RATINGS // 10, RATINGS // 10, RATINGS // 10]


def test_what_is_near_in_time_is_the_users_own() -> None:
    """All within minutes, so that every window holds all of a user's training ratings."""
    facts = make_facts(causal=False)
    columns = Statistics(facts, make_genres(), make_years()).compute(("recent",))
    counts = np.expm1(columns["within_1800_count"])
    expected = np.bincount(facts.user, weights=facts.training)[facts.user] - facts.training
    np.testing.assert_allclose(counts, expected, atol=1e-9)
