from pathlib import Path

import numpy as np
import pytest

from recsys.retrieval.histories import UserHistories, count_interactions
from tests.tables import write_part

# Person 0 rated movies 3, 1 and 2 (the last two in the same second), person 1 nothing, and person 2
# movie 0.
HISTORIES = UserHistories.group(
    3,
    4,
    np.array([2, 0, 0, 0]),
    np.array([0, 2, 1, 3]),
    np.array([0.5, 1, 0, 0.25], np.float32),
    np.array([5, 9, 9, 7]),
)


def test_ratings_are_in_the_order_of_person_time_and_movie() -> None:
    assert HISTORIES.starts.tolist() == [0, 3, 3, 4]
    assert HISTORIES.movie.tolist() == [3, 1, 2, 0]
    assert HISTORIES.rating.tolist() == [0.25, 0, 1, 0.5]
    assert HISTORIES.seconds.tolist() == [7, 9, 9, 5]
    assert len(HISTORIES) == 3
    assert HISTORIES.person.tolist() == [0, 0, 0, 2]


def test_a_slice_and_a_selection_of_people() -> None:
    assert HISTORIES[1:].starts.tolist() == [0, 0, 1]
    assert HISTORIES[1:].movie.tolist() == [0]
    assert len(HISTORIES[3:]) == 0
    some = HISTORIES.select(np.array([2, 1, 0]))
    assert some.starts.tolist() == [0, 1, 1, 4]
    assert some.movie.tolist() == [0, 3, 1, 2]
    assert some.seconds.tolist() == [5, 7, 9, 9]


def test_the_matrix_has_a_1_for_each_movie() -> None:
    assert HISTORIES.matrix().toarray().tolist() == [[0, 1, 1, 1], [0] * 4, [1, 0, 0, 0]]
    # The histories stay in the order of time.
    assert HISTORIES.movie.tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("drawn", "starts", "movies"),
    [(True, [0, 1, 2, 2], [2, 1]), (False, [0, 2, 3, 5], [2, 3, 1, 0, 2])],
)
def test_movies_that_were_drawn_as_negatives_are_no_interactions(
    tmp_path: Path, drawn: bool, starts: list[int], movies: list[int]
) -> None:
    histories = UserHistories.read([write_part(tmp_path)], np.ones(3, bool), 4, drawn)
    assert histories.starts.tolist() == starts
    assert histories.movie.tolist() == movies
    counts = count_interactions([write_part(tmp_path)], 4, drawn)
    assert counts.tolist() == np.bincount(movies, minlength=4).tolist()
    some = UserHistories.read([write_part(tmp_path)], np.array([True, False, True]), 4, drawn)
    assert some.movie.tolist() == histories.select(np.array([0, 2])).movie.tolist()
    assert some.starts.tolist() == histories.select(np.array([0, 2])).starts.tolist()
    twice = UserHistories.read([write_part(tmp_path)] * 2, np.ones(3, bool), 4, drawn)
    assert np.diff(twice.starts).tolist() == (2 * np.diff(starts)).tolist()
