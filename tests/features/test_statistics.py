"""No statistic of a row leaks a label: its own, a later one, or one of the test part."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from recsys.features.statistics import GROUPS, Catalogue, Columns, Statistics
from recsys.features.visibility import RatingLog, VisibleRatings
from tests import logs
from tests.logs import RATINGS, make_log, visible_rows, with_stars


def compute(log: RatingLog) -> np.ndarray:
    """All statistics, and what the Gaussian process predicts, [N, columns]."""
    return np.column_stack(list(logs.compute(log).dense.values()))


def raw_columns(log: RatingLog, catalogue: Catalogue) -> Columns:
    """The statistics before they are standardised."""
    sums, adjusted = logs.adjust(log)
    statistics = Statistics(log, adjusted.by_movie, sums, catalogue, logs.fit_means(log))
    columns: Columns = {}
    for group in GROUPS.values():
        columns |= group(statistics)
    return columns


def raw_matrix(log: RatingLog) -> np.ndarray:
    return np.column_stack(list(raw_columns(log, logs.make_catalogue()).values()))


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
    before = raw_matrix(log)
    others = 0.0
    for row in np.flatnonzero(log.training)[::20]:
        changed = raw_matrix(with_stars(log, np.array([row]), 6 - log.stars[[row]]))
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


DAY = 86_400
AVERAGE, LIKE_RATE, SPREAD = 13 / 4, 1 / 2, (9 + 25 + 1 + 16) / 4 - (13 / 4) ** 2
# Of params.yaml: pseudo-ratings of users and movies, and of a window.
USER, MOVIE, WINDOW = 5, 10, 2


def make_example(past_only: bool) -> Columns:
    """Statistics of five ratings. The last one, of user 0 for movie 2, is in the test part."""
    log = RatingLog(
        user=np.array([1, 0, 0, 1, 0]),
        movie=np.array([0, 0, 1, 2, 2]),
        stars=np.array([3.0, 5.0, 1.0, 4.0, 4.0]),
        label=np.array([0, 1, 0, 1, 1], np.int8),
        seconds=10**9 + np.array([0, DAY, DAY + 30, 2 * DAY, 3 * DAY]),
        part=np.array([0, 0, 0, 0, 2]),
        past_only=past_only,
    )
    genres = np.array([[1, 0], [0, 1], [1, 1]], bool)
    return raw_columns(log, Catalogue(genres, np.array([1994, 1985, 1996])))


def test_statistics_of_the_past_match_an_example_by_hand() -> None:
    """The last row's user gave movie 0 a 5 and movie 1 a 1; user 1 gave its movie a 4."""
    columns = {name: values[4] for name, values in make_example(past_only=True).items()}
    # The residuals of the three ratings before; user 1 rated movie 0 a 3 before user 0 did.
    five, one, three = 5 - (3 + MOVIE * AVERAGE) / (1 + MOVIE), 1 - AVERAGE, 3 - AVERAGE
    user = (five + one) / (2 + USER)
    user_mean = (5 + 1 + USER * AVERAGE) / (2 + USER)
    movie_mean = (4 + MOVIE * AVERAGE) / (1 + MOVIE)
    square = AVERAGE**2 + SPREAD
    assert columns == pytest.approx(
        {
            "user_count": np.log(3),
            "user_mean": user_mean,
            "user_like_rate": (1 + USER * LIKE_RATE) / (2 + USER),
            "user_spread": np.sqrt((25 + 1 + USER * square) / (2 + USER) - user_mean**2),
            "user_residual": user,
            "movie_count": np.log(2),
            "movie_mean": movie_mean,
            "movie_like_rate": (1 + MOVIE * LIKE_RATE) / (1 + MOVIE),
            "movie_spread": np.sqrt((16 + MOVIE * square) / (1 + MOVIE) - movie_mean**2),
            "movie_residual": (4 - AVERAGE - three / (1 + USER)) / (1 + MOVIE),
            # One movie of each of the two genres; the 5 is for a movie of the same decade.
            "genre_affinity": ((five - user) / (1 + USER) + (one - user) / (1 + USER)) / 2,
            "genre_count": np.log(2),
            "decade_affinity": (five - user) / (1 + USER),
            "year_rated": 3 / 365,
            "year_released": 1996,
        },
        abs=1e-6,
    )


def test_leave_one_out_statistics_match_an_example_by_hand() -> None:
    """The second row: its user also gave movie 1 a 1, and user 1 gave its movie a 3."""
    columns = {name: values[1] for name, values in make_example(past_only=False).items()}
    # The residuals of the user's other rating, and of user 1's other rating.
    one, four = 1 - AVERAGE, 4 - AVERAGE
    user = one / (1 + USER)
    user_mean, movie_mean = (1 + USER * AVERAGE) / (1 + USER), (3 + MOVIE * AVERAGE) / (1 + MOVIE)
    square = AVERAGE**2 + SPREAD
    near = (one - user) / (1 + WINDOW)
    assert columns == pytest.approx(
        {
            "user_count": np.log(2),
            "user_mean": user_mean,
            "user_like_rate": (0 + USER * LIKE_RATE) / (1 + USER),
            "user_spread": np.sqrt((1 + USER * square) / (1 + USER) - user_mean**2),
            "user_residual": user,
            "movie_count": np.log(2),
            "movie_mean": movie_mean,
            "movie_like_rate": (0 + MOVIE * LIKE_RATE) / (1 + MOVIE),
            "movie_spread": np.sqrt((9 + MOVIE * square) / (1 + MOVIE) - movie_mean**2),
            "movie_residual": (3 - AVERAGE - four / (1 + USER)) / (1 + MOVIE),
            "genre_affinity": 0,
            "genre_count": 0,
            "decade_affinity": 0,
            # The other rating is 30 seconds away.
            "within_0_residual": 0,
            "within_0_count": 0,
            "within_60_residual": near,
            "within_60_count": np.log(2),
            "within_1800_residual": near,
            "within_1800_count": np.log(2),
            "within_86400_residual": near,
            "within_86400_count": np.log(2),
            "year_rated": 1 / 365,
            "year_released": 1994,
        },
        abs=1e-6,
    )


# The decade of a year; those before 1920 and after 2009 count as the first and the last.
DECADES = {1900: 0, 1919: 0, 1920: 0, 1929: 0, 1930: 1, 1999: 7, 2000: 8, 2009: 8, 2010: 8, 2025: 8}


@pytest.mark.parametrize("past_only", [False, True])
def test_affinities_follow_their_definition(past_only: bool) -> None:
    """Movies have no genre, one or more."""
    log = make_log(past_only)
    genres = logs.make_catalogue().genres
    years, decades = (
        np.resize(list(part), len(genres)) for part in (DECADES.keys(), DECADES.values())
    )
    columns = raw_columns(log, Catalogue(genres, years))
    movie_adjusted = logs.adjust(log)[1].by_movie
    for row, movie in enumerate(log.movie):
        visible = visible_rows(log, log.user, row)
        above = movie_adjusted[visible] - columns["user_residual"][row]
        groups = [decades == decades[movie], *genres[:, genres[movie]].T]
        alike = [above[group[log.movie[visible]]] for group in groups]
        decade, *others = (some.sum() / (len(some) + USER) for some in alike)
        counts = [len(some) for some in alike[1:]]
        assert columns["decade_affinity"][row] == pytest.approx(decade, abs=1e-5)
        assert columns["genre_affinity"][row] == pytest.approx(np.mean(others or [0]), abs=1e-5)
        assert np.expm1(columns["genre_count"][row]) == pytest.approx(np.mean(counts or [0]))


def test_stars_that_never_vary_have_a_spread_of_a_tenth() -> None:
    log = make_log(past_only=False)
    alike = with_stars(log, np.arange(RATINGS), np.full(RATINGS, 3.0))
    columns = raw_columns(alike, logs.make_catalogue())
    for noun in ("user", "movie"):
        np.testing.assert_allclose(columns[f"{noun}_spread"], 0.1)


def test_time_windows_contain_only_ratings_of_the_user() -> None:
    """All ratings are within minutes, so the window contains all training ratings of a user."""
    log = make_log(past_only=False)
    columns = raw_columns(log, logs.make_catalogue())
    counts = np.expm1(columns["within_1800_count"])
    expected = np.bincount(log.user, weights=log.training)[log.user] - log.training
    np.testing.assert_allclose(counts, expected, atol=1e-9)
