"""Moments are those of the numbers, whichever way they are cut."""

from fractions import Fraction

import numpy as np
import pytest

from recsys.features.batch.moments import Moments

NUMBERS = np.array([0.1, -3.7e12, 5e-30, 4.5, 0, -0.25, 3e38, 1e-45, 2016], np.float32)


def test_moments_are_exact() -> None:
    exact = [Fraction(float(number)) for number in NUMBERS]
    mean = sum(exact) / len(exact)
    found = Moments.of(NUMBERS)
    assert found.mean == float(mean)
    assert found.variance == float(sum((each - mean) ** 2 for each in exact) / len(exact))


def test_the_variance_of_equal_numbers_is_0() -> None:
    assert Moments.of(np.full(1000, 0.1, np.float32)).variance == 0


@pytest.mark.parametrize("cuts", [[], [3], [0, 1, 1, 8]])
def test_no_cut_changes_a_digit(cuts: list[int]) -> None:
    parts = [Moments.of(part) for part in np.split(NUMBERS, cuts)]
    assert Moments.join(parts) == Moments.of(NUMBERS)
