import numpy as np
import pytest

from recsys.serving.titles import Titles

TITLES = [
    "Heat (1995)",
    "In the Heat of the Night (1967)",
    "Cheat, The (1915)",
    "Matrix, The (1999)",
    "Amélie (2001)",
    "Heat (1986)",
    "M*A*S*H (1970)",
    "Seven (a.k.a. Se7en) (1995)",
]
KNOWN = np.array([90, 80, 70, 60, 50, 95, 40, 30])


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        # Those that begin with it, the better known first; then with words that do; then the rest.
        ("heat", [5, 0, 1, 2]),
        ("HEAT 1995", [0]),
        ("the matrix", [3]),
        ("matrix, the", [3]),
        ("the heat", [1, 2]),
        ("eat", [5, 0, 1, 2]),
        ("amelie", [4]),
        ("AMÉLIE", [4]),
        ("m*a*s*h", [6]),
        ("se7en", [7]),
        ("", []),
        (" *?", []),
        ("nothing", []),
    ],
)
def test_titles_are_found_by_their_words(query: str, rows: list[int]) -> None:
    assert Titles(TITLES, KNOWN).search(query, 10) == rows


def test_the_number_of_titles_is_limited() -> None:
    assert Titles(TITLES, KNOWN).search("heat", 2) == [5, 0]
