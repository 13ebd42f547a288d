"""The paired difference of two runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from recsys.evaluation.bootstrap import draw_weights, resample_means
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
)
from recsys.evaluation.params import EvaluateParams
from recsys.evaluation.predictions import weighted_metrics
from recsys.pipeline.params import load_params
from tests.conftest import PARAMS
from tests.evaluation.made import draw_predictions, make_slices

PROBABILITIES = {"first": 0.01, "second": 0.02, "third": 0.03, "fourth": 0.04}
SECTION = load_params(PARAMS)[EvaluateParams]
ROWS = 2_000


def test_identical_runs_do_not_differ() -> None:
    table = draw_predictions()
    for found in (
        compare_predictions([table], [table], (SECTION, SECTION)),
        compare_slices([table], [table], make_slices(ROWS, some=table.rating > 2)),
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
    likes = replace(stars, stars=None)
    for old, new in ((stars, likes), (likes, stars)):
        found = compare_predictions([old], [new], (SECTION, SECTION))
        assert not found.keys() & {"rmse", "mae", "positive_rate", "rows"}
        assert found.keys() > {"auc", "grouped_auc", "calibration_error"}
        assert set(found.values()) == {Difference(0.0, 0.0)}


def compare_means(values: np.ndarray) -> Difference:
    old, new = (
        resample_means({"mean": each}, RESAMPLES, SEED)["mean"] for each in (0 * values, values)
    )
    return compare([old], [new])


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    gains = np.random.default_rng(1).normal(0.1, 1, 2_000)
    found = compare_means(gains)
    assert found.value == pytest.approx(gains.mean())
    error = gains.std() / np.sqrt(len(gains))
    for end, sign in ((found.low, -1), (found.high, 1)):
        assert end == pytest.approx(found.value + sign * 1.96 * error, abs=0.2 * error)
    # All users gain as much: there is no doubt.
    sure = compare_means(np.full(2_000, 0.5))
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
    margin = compare_predictions([old], [new], (SECTION, SECTION))["auc"].margin()
    metrics = weighted_metrics(new, SECTION)
    samples = metrics(draw_weights(new.users, 1, RESAMPLES + 1, SEED))["auc"]
    assert 2 * margin < 4 * samples.std() / 4


def test_only_the_slice_that_got_worse_is_worse() -> None:
    old = draw_predictions()
    bad = np.arange(ROWS) % 4 == 0
    new = replace(old, score=np.where(bad, np.float32(1) - old.score, old.score))
    none = np.zeros(ROWS, bool)
    slices = make_slices(ROWS, bad=bad, good=~bad, likes=old.label == 1, none=none)
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
