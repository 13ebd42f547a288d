"""Finds movies by words of their titles.

Shapes: M movies.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class Titles:
    """The titles of all movies, without letter case, accents and punctuation.

    Args:
        titles: [M]
        known: how well known each movie is, [M]
    """

    def __init__(self, titles: Sequence[str], known: npt.NDArray[np.integer]) -> None:
        # A space before each word: what a word begins with is " " and the text.
        self._titles = ["".join(f" {word}" for word in split_words(title)) for title in titles]
        self._known = known.tolist()

    def search(self, query: str, limit: int) -> list[int]:
        """The rows of the movies whose titles hold each word of the query, at most `limit`.

        First come titles that begin with the query, then those with words that begin with its
        words; among equals, the better known.
        """
        words = split_words(query)
        if not words:
            return []
        whole, starts = f" {' '.join(words)}", [f" {word}" for word in words]
        found = [
            (
                not title.startswith(whole),
                not all(start in title for start in starts),
                -known,
                row,
            )
            for row, (title, known) in enumerate(zip(self._titles, self._known, strict=True))
            if all(word in title for word in words)
        ]
        return [row for *_, row in sorted(found)[:limit]]


def split_words(text: str) -> list[str]:
    """The words of a text, folded: "Café: 2" is "cafe" and "2"."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"\w+", "".join(x for x in letters if not unicodedata.combining(x)))
