"""Finds movies by their titles, in whole or by words.

Shapes: M movies.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.storage.dimensions import Dimensions
from recsys.storage.ids import is_integer

YEAR = re.compile(r"\s*\(\d{4}\)$")


def find_titles(wanted: Sequence[str], dimensions: Dimensions) -> list[list[int]]:
    """The rows of the movies that have each title, in any letter case.

    A title without its year is enough. Where movies have exactly the title, others are left out.
    """
    exact: dict[str, list[int]] = {}
    short: dict[str, list[int]] = {}
    for row, title in enumerate(dimensions.tables["movies"]["title"].to_pylist()):
        name = title.casefold().strip()
        exact.setdefault(name, []).append(row)
        short.setdefault(YEAR.sub("", name), []).append(row)
    names = (text.casefold().strip() for text in wanted)
    return [exact.get(name) or short.get(name) or [] for name in names]


class Titles:
    """The titles of all movies, without letter case, accents and punctuation.

    Args:
        titles: [M]
        ratings: the number of ratings of each movie, [M]
    """

    def __init__(self, titles: Sequence[str], ratings: npt.NDArray[np.integer]) -> None:
        # With a space before each word, " he" is found where a word begins with "he".
        self._titles = ["".join(f" {word}" for word in split_words(title)) for title in titles]
        # A title's words in any order, without its year: "the matrix" is "Matrix, The (1999)".
        self._names = [sorted(split_words(YEAR.sub("", title))) for title in titles]
        self._ratings = ratings.tolist()

    def search(self, query: str, limit: int) -> list[int]:
        """The rows of the movies whose titles hold each word of the query, at most `limit`.

        First come titles that equal the query, apart from the year; then titles that begin with
        the query; then titles with words that begin with its words. Among equals, the movie with
        more ratings comes first.
        """
        words = split_words(query)
        if not words:
            return []
        whole, starts = f" {' '.join(words)}", [f" {word}" for word in words]
        found = [
            (
                self._names[row] != sorted(words),
                not title.startswith(whole),
                not all(start in title for start in starts),
                -ratings,
                row,
            )
            for row, (title, ratings) in enumerate(zip(self._titles, self._ratings, strict=True))
            if all(word in title for word in words)
        ]
        return [row for *_, row in sorted(found)[:limit]]

    def is_name(self, row: int, query: str) -> bool:
        """Whether a movie's title has the words of the query and no others, apart from the year."""
        return self._names[row] == sorted(split_words(query))


def find_movie(dimensions: Dimensions, wanted: str | int) -> list[int]:
    """The row of a movie by its published id or by words of its title, and other movies that match.

    An id wins over a title. A number that could be an id matches whole titles alone ("1984").

    Returns:
        the rows of the movies that match, best first; of an id, its row alone

    Raises:
        InputError: no movie matches.
    """
    ids = dimensions.ids["movies"]
    (row,) = ids.find([wanted]).tolist()
    if row < len(ids):
        return [row]
    query, is_number = str(wanted), not ids.is_text and is_integer(str(wanted))
    names = dimensions.tables["movies"]["title"].to_pylist()
    titles = Titles(names, dimensions.training_ratings["movies"])
    found = titles.search(query, len(names))
    if is_number:
        found = [row for row in found if titles.is_name(row, query)]
    if not found and is_number:
        raise InputError(ids.refusal(wanted))
    if not found:
        raise InputError(
            f"there is no movie {show(query)}: no id is so, and no title has all of these words; "
            "give fewer words, or parts of them"
        )
    return found


def split_words(text: str) -> list[str]:
    """The words of a text, folded: "Café: 2" is "cafe" and "2"."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"\w+", "".join(x for x in letters if not unicodedata.combining(x)))
