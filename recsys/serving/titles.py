"""Finds movies by words of their titles.

Shapes: M movies.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys.common.errors import InputError
from recsys.common.params import show
from recsys.serving.catalogue import YEAR, find_row, search_row
from recsys.storage.dimensions import Dimensions
from recsys.storage.vocabulary import is_integer


class Titles:
    """The titles of all movies, without letter case, accents and punctuation.

    Args:
        titles: [M]
        known: how well known each movie is, [M]
    """

    def __init__(self, titles: Sequence[str], known: npt.NDArray[np.integer]) -> None:
        # A space before each word: what a word begins with is " " and the text.
        self._titles = ["".join(f" {word}" for word in split_words(title)) for title in titles]
        # A title's words in any order, without its year: "the matrix" is "Matrix, The (1999)".
        self._names = [sorted(split_words(YEAR.sub("", title))) for title in titles]
        self._known = known.tolist()

    def search(self, query: str, limit: int) -> list[int]:
        """The rows of the movies whose titles hold each word of the query, at most `limit`.

        First come titles that are the query, apart from their year; then those that begin with it;
        then those with words that begin with its words. Among equals, the better known.
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
                -known,
                row,
            )
            for row, (title, known) in enumerate(zip(self._titles, self._known, strict=True))
            if all(word in title for word in words)
        ]
        return [row for *_, row in sorted(found)[:limit]]

    def is_name(self, row: int, query: str) -> bool:
        """Whether the words of a movie's title are those of the query, apart from its year."""
        return self._names[row] == sorted(split_words(query))


def find_movie(dimensions: Dimensions, wanted: str | int) -> list[int]:
    """The row of a movie by its published id or by words of its title, and other movies that match.

    An id wins over a title, and a number that could be an id is no title but a whole one ("1984").

    Returns:
        the movie, then the others, best first

    Raises:
        InputError: no movie matches.
    """
    known = dimensions.raw_ids("movies")
    row = search_row(known, wanted)
    if row is not None:
        return [row]
    query, is_number = str(wanted), known.dtype != object and is_integer(str(wanted))
    names = dimensions.tables["movies"]["title"].to_pylist()
    titles = Titles(names, dimensions.training_ratings["movies"])
    found = titles.search(query, len(names))
    if is_number:
        found = [row for row in found if titles.is_name(row, query)]
    if not found and is_number:
        find_row(known, wanted, "movie")
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
