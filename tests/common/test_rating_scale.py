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


def test_stars_map_to_0_and_1_and_back() -> None:
    stars = np.array([1, 2, 5], np.float32)
    assert WHOLE_STARS.normalise(stars).tolist() == [0, 0.25, 1]
    assert HALF_STARS.normalise(np.array([0.5, 2.75], np.float32)).tolist() == [0, 0.5]
    np.testing.assert_allclose(HALF_STARS.denormalise(HALF_STARS.normalise(stars)), stars)
