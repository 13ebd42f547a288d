"""The mean and the variance of numbers in many partitions, exact before they are rounded once."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Ints, Singles

# A number of 32 bits is an integer of this many bits times a power of two.
BITS = 24
# The power of the smallest numbers is -148, that of the largest 128.
LOWEST = -150


class Moments(NamedTuple):
    """Sums of numbers of 32 bits, as integers, so that no order of the sums changes a digit.

    Attributes:
        number: how many numbers there are.
        total: their sum, in units of 2 ** (LOWEST - BITS).
        squares: the sum of their squares, in units of the square.
    """

    number: int
    total: int
    squares: int

    @classmethod
    def of(cls, values: Singles) -> "Moments":
        """The moments of finite numbers, [N]."""
        fractions, powers = np.frexp(values)
        integers = (fractions * 2**BITS).astype(np.int64)
        squares = integers**2
        # Halves of the squares, as sums of their float64 are exact below 2**53.
        total, high, low = (
            sum_by_power(powers - LOWEST, part)
            for part in (integers, squares >> BITS, squares & (2**BITS - 1))
        )
        return cls(
            len(values),
            sum(part << power for power, part in enumerate(total)),
            sum(
                ((a << BITS) + b) << 2 * power
                for power, (a, b) in enumerate(zip(high, low, strict=True))
            ),
        )

    @classmethod
    def join(cls, parts: Iterable["Moments"]) -> "Moments":
        """The moments of the numbers of all parts; there is at least one part."""
        return cls._make(map(sum, zip(*parts, strict=True)))

    @property
    def mean(self) -> float:
        return float(Fraction(self.total, self.number) * Fraction(2) ** (LOWEST - BITS))

    @property
    def variance(self) -> float:
        spread = Fraction(self.number * self.squares - self.total**2, self.number**2)
        return float(spread * Fraction(4) ** (LOWEST - BITS))


def sum_by_power(powers: Ints, integers: Ints) -> list[int]:
    """The sum of the integers that have each power."""
    return [int(each) for each in np.bincount(powers, integers)]
