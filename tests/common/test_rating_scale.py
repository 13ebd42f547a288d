"""Ratings are compared by their steps, whichever way their digits were rounded."""

import numpy as np
import pytest

from recsys.common.rating_scale import HALF_STARS, WHOLE_STARS, RatingScale

DECIMALS = [
    RatingScale(0, 1, 0.01),
    RatingScale(0.1, 5, 0.1),
    RatingScale(1, 10, 0.3),
    RatingScale(-3.3, 3.3, 0.1),
    RatingScale(0, 1, 0.000001),
    RatingScale(0, 1000, 0.01),
    RatingScale(100.1, 110.1, 0.5),
    HALF_STARS,
    WHOLE_STARS,
]


def draw_steps(scale: RatingScale, count: int = 500) -> np.ndarray:
    assert scale.step
    last = int((scale.highest - scale.lowest) / scale.step + 1e-6)
    random = np.random.default_rng(0).integers(0, last + 1, count)
    return np.unique([0, 1, last - 1, last, *random])


def write(scale: RatingScale, steps: np.ndarray) -> np.ndarray:
    """The ratings as a file writes them: decimals."""
    assert scale.step
    return np.array([float(f"{scale.lowest + k * scale.step:.6f}") for k in steps])


@pytest.mark.parametrize("scale", DECIMALS, ids=str)
def test_every_spelling_of_a_rating_is_the_same_step(scale: RatingScale) -> None:
    steps = draw_steps(scale)
    decimals = write(scale, steps)
    for stars in (decimals, decimals.astype(np.float32), scale.lowest + steps * (scale.step or 0)):
        np.testing.assert_array_equal(scale.to_steps(stars), steps)
        assert scale.has(stars).all()
    # A scale that was found in the file has ends and a step of 32 bits.
    lowest, highest = (float(np.float32(end)) for end in (scale.lowest, write(scale, steps)[-1]))
    found = RatingScale(lowest, highest, (highest - lowest) / steps[-1])
    np.testing.assert_array_equal(found.to_steps(decimals), steps)
    assert found.has(decimals).all()


@pytest.mark.parametrize("scale", DECIMALS, ids=str)
def test_numbers_off_the_steps_and_beyond_the_ends_are_not_on_the_scale(scale: RatingScale) -> None:
    assert scale.step
    between = write(scale, draw_steps(scale)) + scale.step / 2
    assert not scale.has(between).any()
    assert not scale.has([scale.lowest - scale.step, scale.highest + scale.step]).any()
    assert not scale.has([np.nan, np.inf, -np.inf, 1e300]).any()


@pytest.mark.parametrize("scale", DECIMALS, ids=str)
def test_a_threshold_divides_the_ratings_at_its_step(scale: RatingScale) -> None:
    steps = draw_steps(scale, 60)
    decimals = write(scale, steps)
    for place, threshold in enumerate(decimals):
        for between in (0, 0.4):
            cut = scale.cut_above(threshold + between * (scale.step or 0))
            for stars in (decimals, decimals.astype(np.float32)):
                np.testing.assert_array_equal(stars > cut, np.arange(len(steps)) > place)


def test_a_scale_without_steps_compares_numbers_of_32_bits() -> None:
    scale = RatingScale(0.1, 9.3, None)
    numbers = np.sort(np.random.default_rng(0).uniform(0.1, 9.3, 300)).astype(np.float32)
    numbers = np.unique(np.append(numbers, np.nextafter(numbers, np.float32(9.3))))
    assert scale.has(numbers).all()
    assert not scale.has([0.09, 9.4, np.nan]).any()
    for place, threshold in enumerate(numbers):
        cut = scale.cut_above(float(threshold))
        for stars in (numbers, numbers.astype(float)):
            np.testing.assert_array_equal(stars > cut, np.arange(len(numbers)) > place)
    assert not float("3.3") > scale.cut_above(float(np.float32(3.3)))


# A scale, the label's threshold, and what follows: the thresholds and the stars between them.
THRESHOLDS = [
    (WHOLE_STARS, 3, (1.5, 2.5, 3.5, 4.5), (1, 2, 3, 4, 5)),
    (
        HALF_STARS,
        3.5,
        (0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.25, 4.75),
        (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5),
    ),
    (RatingScale(0, 1, 1), 0, (0.5,), (0, 1)),
    (RatingScale(1, 2, 1), 1, (1.5,), (1, 2)),
    # No rating is above the label's threshold.
    (WHOLE_STARS, 5, (1.5, 2.5, 3.5, 4.5, 5.5), (1, 2, 3, 4, 5, 5)),
    (RatingScale(-2, 2, 2), -2, (-1, 1), (-2, 0, 2)),
    # The highest rating on a step is 4.
    (RatingScale(0, 5, 2), 2, (1, 3), (0, 2, 4)),
    # 0 to 10, 11 to 20, ..., 91 to 100. The label's threshold divides one of the parts.
    (
        RatingScale(0, 100, 1),
        55,
        (10.5, 20.5, 30.5, 40.5, 50.5, 55.5, 60.5, 70.5, 80.5, 90.5),
        (5, 15.5, 25.5, 35.5, 45.5, 53, 58, 65.5, 75.5, 85.5, 95.5),
    ),
    (
        RatingScale(-10, 10, None),
        0,
        (-8, -6, -4, -2, 0, 2, 4, 6, 8),
        (-9, -7, -5, -3, -1, 1, 3, 5, 7, 9),
    ),
]


@pytest.mark.parametrize(("scale", "label", "thresholds", "stars"), THRESHOLDS, ids=str)
def test_thresholds_and_the_stars_between_them_by_hand(
    scale: RatingScale, label: float, thresholds: tuple[float, ...], stars: tuple[float, ...]
) -> None:
    found = scale.thresholds(scale.cut_above(label))
    assert found == pytest.approx(thresholds, abs=1e-6)
    assert scale.stars_between(found) == pytest.approx(stars, abs=1e-6)


@pytest.mark.parametrize("scale", [*DECIMALS, RatingScale(-10, 10, 0.01)], ids=str)
def test_thresholds_divide_the_ratings_into_classes_around_their_stars(scale: RatingScale) -> None:
    last = int(scale.to_steps(scale.highest))
    ratings = write(scale, np.arange(last + 1))
    for label in ratings[[0, last // 2, last - 1]]:
        cut = scale.cut_above(label)
        thresholds = scale.thresholds(cut)
        assert cut in thresholds
        assert sorted(set(thresholds)) == list(thresholds)
        stars = scale.stars_between(thresholds)
        assert len(stars) == len(thresholds) + 1 <= 11
        for numbers in (ratings, ratings.astype(np.float32)):
            places = np.searchsorted(thresholds, numbers)
            means = np.bincount(places, ratings) / np.bincount(places)
            np.testing.assert_allclose(stars, means, rtol=1e-6, atol=1e-6)


def test_stars_map_to_0_and_1() -> None:
    stars = np.array([1, 2, 5], np.float32)
    assert WHOLE_STARS.normalise(stars).tolist() == [0, 0.25, 1]
    assert HALF_STARS.normalise(np.array([0.5, 2.75], np.float32)).tolist() == [0, 0.5]
    np.testing.assert_allclose(0.5 + 4.5 * HALF_STARS.normalise(stars), stars)
