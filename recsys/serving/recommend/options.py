"""What somebody wants from recommendations beside a good order."""

import re
from typing import NamedTuple

from recsys.common.errors import InputError
from recsys.common.params import show

# The first and the last release year; None for no bound.
Years = tuple[int | None, int | None]
ANY_YEAR: Years = (None, None)


class Wishes(NamedTuple):
    """The options of a question for recommendations. The defaults change nothing.

    Attributes:
        genres: names, in any letter case: a movie needs one of them. Empty for any movie.
        years: the release years that a movie may have.
        popularity: from -1 to 1; the weight of the log of a movie's number of training ratings in
            its score. Below 0, lesser known movies come first.
        diversity: from 0 to 1; how much a movie loses that is similar to one before it in the list.
    """

    genres: tuple[str, ...] = ()
    years: Years = ANY_YEAR
    popularity: float = 0.0
    diversity: float = 0.0


NO_WISHES = Wishes()


def read_years(text: str) -> Years:
    """Years written as 1990-1999, 1990- or -1980.

    Raises:
        InputError: the text is none of these, or the last year is before the first.
    """
    match = re.fullmatch(r"(\d{4})?-(\d{4})?", text.strip(), re.ASCII)
    years = tuple(int(year) if year else None for year in match.groups()) if match else ANY_YEAR
    if years == ANY_YEAR:
        raise InputError(f"the years are {show(text)}; write FROM-TO: 1990-1999, 1990- or -1980")
    first, last = years
    return check_years((first, last))


def check_years(years: Years) -> Years:
    """Return the years. Raises: InputError: the last one is before the first."""
    first, last = years
    if first is not None and last is not None and last < first:
        raise InputError(f"the years {first} to {last} end before they begin; exchange them")
    return years
