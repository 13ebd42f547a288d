"""The paired difference of two runs."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from recsys.evaluation.bootstrap import interval
from recsys.evaluation.curves import weighted_calibration_error
from recsys.evaluation.evaluate import evaluate
from recsys.evaluation.paired import (
    RANKING,
    RESAMPLES,
    SEED,
    Difference,
    compare,
    compare_lists,
    compare_predictions,
    compare_slices,
    seeds_error,
    significant_by_holm,
    weighted_metrics,
)
from recsys.evaluation.params import EvaluateParams
from recsys.pipeline.params import load_params
from recsys.scoring.metrics import weighted_auc, weighted_mean
from tests.conftest import PARAMS

PROBABILITIES = {"first": 0.01, "second": 0.02, "third": 0.03, "fourth": 0.04}
SECTION = load_params(PARAMS)[EvaluateParams]


def draw_predictions(rows: int = 2_000, noise: float = 1.0) -> pd.DataFrame:
    """Predictions for 100 users; with more noise, they depend less on the labels."""
    random = np.random.default_rng(1)
    ratings = random.integers(1, 6, rows)
    logits = ratings - 3.5 + noise * random.normal(size=rows)
    score = 1 / (1 + np.exp(-logits))
    return pd.DataFrame(
        {
            "raw_userid": np.repeat(np.arange(100), rows // 100) * 3,
            "raw_movieid": np.arange(rows),
            "rating": ratings.astype(np.float32),
            "label": (ratings > 3).astype(np.int8),
            "score": score.astype(np.float32),
            "stars": (1 + 4 * score).astype(np.float32),
        }
    )


def test_weighted_metrics_are_those_of_evaluate() -> None:
    table = draw_predictions()
    # Some are exactly the threshold.
    table.loc[:99, "score"] = 0.5
    expected = evaluate(table, SECTION.model_copy(update={"bootstrap": 0})).metrics
    found = weighted_metrics(table, SECTION)
    assert found.keys() == expected.keys() - {"rows", "positive_rate"}
    for name, metric in found.items():
        assert metric(np.ones(len(table))) == pytest.approx(expected[name], abs=1e-5)
        # Twice all rows are the same rows.
        assert metric(np.full(len(table), 2.0)) == pytest.approx(expected[name], abs=1e-5)


def test_a_row_with_weight_2_is_two_rows() -> None:
    table = draw_predictions(rows=300)
    # Some users have ratings of one class alone.
    weights = table["raw_userid"].to_numpy() // 3 % 3
    found = weighted_metrics(table, SECTION)
    repeated = weighted_metrics(table.loc[table.index.repeat(weights)], SECTION)
    # The groups of the calibration error are of equal size without weights.
    for name in found.keys() - {"calibration_error"}:
        ones = np.ones(weights.sum())
        assert found[name](weights.astype(float)) == pytest.approx(repeated[name](ones)), name
        assert np.isnan(found[name](np.zeros(300)))


@pytest.mark.parametrize(("bins", "error"), [(4, 2.7 / 4), (9, 2.7 / 4), (2, 2.3 / 4), (1, 0.575)])
def test_weighted_calibration_error_by_hand(bins: int, error: float) -> None:
    """Ascending, the predictions miss by -0.9, 0.2, -0.7 and 0.4; the last has no weight."""
    actual, predicted = np.array([0, 1, 0, 1]), np.array([0.4, 0.1, 0.2, 0.3])
    metric = weighted_calibration_error(actual, predicted, bins)
    assert metric(np.array([0.0, 2.0, 1.0, 1.0])) == pytest.approx(error)


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_have_no_entropy(label: int) -> None:
    table = draw_predictions(rows=300)
    metric = weighted_metrics(table, SECTION)["normalized_entropy"]
    assert np.isnan(metric((table["label"] == label).to_numpy(float)))


def test_identical_runs_do_not_differ() -> None:
    table = draw_predictions()
    for found in (
        compare_predictions([table], [table], (SECTION, SECTION)),
        compare_slices([table], [table], {"some": (table["rating"] > 2).to_numpy()}),
    ):
        assert set(found.values()) == {Difference(0.0, 0.0)}


def test_a_run_with_less_noise_is_better_in_all_but_calibration() -> None:
    old, new = draw_predictions(noise=1.2), draw_predictions(noise=1.0)
    found = compare_predictions([old], [new], (SECTION, SECTION))
    for name in ("auc", "accuracy", "grouped_auc"):
        assert 0 < found[name].low < found[name].value < found[name].high
    for name in ("log_loss", "normalized_entropy", "rmse", "mae"):
        assert found[name].low < found[name].value < found[name].high < 0


def test_runs_are_compared_in_the_metrics_that_both_have() -> None:
    stars = draw_predictions()
    likes = stars.drop(columns="stars")
    for old, new in ((stars, likes), (likes, stars)):
        found = compare_predictions([old], [new], (SECTION, SECTION))
        assert found.keys() == weighted_metrics(likes, SECTION).keys()
        assert set(found.values()) == {Difference(0.0, 0.0)}


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    users = np.arange(2_000)
    gains = np.random.default_rng(1).normal(0.1, 1, len(users))
    found = compare([weighted_mean(np.zeros(len(users)))], [weighted_mean(gains)], users)
    assert found.value == pytest.approx(gains.mean())
    error = gains.std() / np.sqrt(len(users))
    for end, sign in ((found.low, -1), (found.high, 1)):
        assert end == pytest.approx(found.value + sign * 1.96 * error, abs=0.2 * error)
    # All users gain as much: there is no doubt.
    same = np.full(len(users), 0.5)
    sure = compare([weighted_mean(np.zeros(len(users)))], [weighted_mean(same)], users)
    assert (sure.value, sure.margin()) == pytest.approx((0.5, 0))


def test_the_error_of_seeds_by_hand() -> None:
    """Variances .02 and .08 of two seeds each: errors .01 and .04, 25 / 17 degrees of freedom."""
    error, freedom = seeds_error([0.1, 0.3], [0.2, 0.6])
    assert (error**2, freedom) == pytest.approx((0.05, 25 / 17))
    # Two degrees of freedom where both vary as much, whose quantile is Student's.
    both = Difference(0.0, 0.0, *seeds_error([0, 2], [0, 2]))
    assert both.margin() == pytest.approx(4.30265 * np.sqrt(2))
    # The errors of users and seeds are independent.
    assert Difference(0.0, 1.0, *seeds_error([0, 2], [0, 2])).margin() == pytest.approx(
        np.hypot(1.959964, both.margin())
    )
    # Nothing is known from one seed, and nothing varies.
    assert seeds_error([0.1], [0.2, 0.6]) == seeds_error([1, 1], [2, 2]) == (0, 1)


def test_holms_correction_by_hand() -> None:
    """p values .01, .02, .03 and .04 times 4, 3, 2, 1: only the first is below .05."""
    errors = {name: Difference(ndtri(1 - p / 2), 1.0) for name, p in PROBABILITIES.items()}
    assert all(difference.is_significant() for difference in errors.values())
    assert significant_by_holm(errors) == {"first"}
    # With .0124 the second is significant too, as it is multiplied by 3 only.
    assert significant_by_holm(errors | {"second": Difference(2.5, 1.0)}) == {"first", "second"}
    strong = {name: Difference(-value, 1.0) for name, value in zip("abc", (3, 4, 2), strict=True)}
    assert significant_by_holm(strong) == {"a", "b", "c"}
    assert significant_by_holm({"none": Difference(np.nan, np.nan)}) == set()


def test_among_many_slices_without_a_difference_few_are_found() -> None:
    """In 5 % of 400 repetitions one of ten is significant, not in 40 % as without correction."""
    values = np.random.default_rng(1).normal(size=(400, 10))
    families = [{str(i): Difference(v, 1.0) for i, v in enumerate(row)} for row in values]
    alone = np.mean([any(d.is_significant() for d in f.values()) for f in families])
    together = np.mean([bool(significant_by_holm(family)) for family in families])
    assert alone > 0.3
    assert together < 0.08


def test_pairs_are_surer_than_the_two_intervals() -> None:
    old, new = (draw_predictions(noise=noise) for noise in (1.05, 1.0))
    users = new["raw_userid"].to_numpy()
    before, after = (
        weighted_auc(table["label"].to_numpy(), table["score"].to_numpy()) for table in (old, new)
    )
    margin = compare([before], [after], users).margin()
    lowest, highest = interval(after, users, RESAMPLES, SEED)
    assert 2 * margin < (highest - lowest) / 4


def test_only_the_slice_that_got_worse_is_worse() -> None:
    old = draw_predictions()
    bad = (old["raw_movieid"] % 4 == 0).to_numpy()
    new = old.assign(score=np.where(bad, np.float32(1) - old["score"], old["score"]))
    likes = (old["label"] == 1).to_numpy()
    slices = {"bad": bad, "good": ~bad, "likes": likes, "none": np.zeros(len(old), bool)}
    found = compare_slices([old], [new], slices)
    assert found.keys() == {"all", "bad", "good", "likes"}
    # One class has no AUC.
    assert np.isnan(found["likes"].value)
    assert found["bad"].high < 0
    assert found["good"] == Difference(0.0, 0.0)


def test_lists_are_compared_person_by_person() -> None:
    random = np.random.default_rng(1)
    old = pd.DataFrame({"user": np.arange(200), **dict.fromkeys(RANKING, random.random(200))})
    new = old.assign(ndcg=old["ndcg"] + 0.1)
    found = compare_lists([old], [new])
    assert (found["ndcg"].value, found["ndcg"].margin()) == pytest.approx((0.1, 0))
    assert found["mrr"] == Difference(0.0, 0.0)


def test_users_with_texts_as_ids_are_compared() -> None:
    old, new = draw_predictions(noise=1.2), draw_predictions()
    expected = compare_slices([old], [new], {})
    texts = [[table.assign(raw_userid=table["raw_userid"].map(str))] for table in (old, new)]
    assert compare_slices(*texts, {}) == expected
