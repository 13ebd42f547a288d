from dataclasses import replace

import numpy as np
import pytest

from recsys.features.visibility import QUERY, RatingLog, VisibleRatings
from tests.logs import make_log, some_rows, visible_rows


def with_queries(log: RatingLog) -> RatingLog:
    """The same log, with some rows that are queries."""
    part = log.part.copy()
    part[::7] = QUERY
    return replace(log, part=part)


@pytest.mark.parametrize("past_only", [False, True])
def test_sums_are_over_the_visible_rows(past_only: bool) -> None:
    log = make_log(past_only)
    for groups in (log.user, log.movie):
        sums = VisibleRatings(groups, log).sum(log.stars)
        expected = [log.stars[visible_rows(log, groups, row)].sum() for row in range(len(groups))]
        np.testing.assert_allclose(sums, expected)


@pytest.mark.parametrize("past_only", [False, True])
def test_no_row_sees_a_query(past_only: bool) -> None:
    log = make_log(past_only)
    queries = with_queries(log)
    kept = np.flatnonzero(queries.part != QUERY)
    without = some_rows(log, kept)
    by_movie = (VisibleRatings(some.movie, some) for some in (queries, without))
    for a, b in ((queries.by_user, without.by_user), tuple(by_movie)):
        np.testing.assert_array_equal(a.sum(queries.stars)[kept], b.sum(without.stars))
        if not past_only:
            found = a.sum_within(queries.stars, a.find_window(10))[kept]
            np.testing.assert_array_equal(found, b.sum_within(without.stars, b.find_window(10)))


@pytest.mark.parametrize("window", [0, 3, 1000])
def test_sum_within_is_over_the_visible_rows_of_the_window(window: int) -> None:
    log = make_log(past_only=False)
    sums = log.by_user.sum_within(log.stars, log.by_user.find_window(window))
    for row, total in enumerate(sums):
        rows = visible_rows(log, log.user, row)
        near = np.abs(log.seconds[rows] - log.seconds[row]) <= window
        assert total == pytest.approx(log.stars[rows[near]].sum())


@pytest.mark.parametrize("window", [0, 5, 29])
def test_a_window_never_reaches_into_another_group(window: int) -> None:
    """A user rates in the last second, and the next user in the first one."""
    log = RatingLog(
        user=np.array([1, 0]),
        movie=np.array([0, 0]),
        stars=np.array([3.0, 5.0]),
        label=np.array([0, 1]),
        seconds=np.array([0, 30]),
        part=np.array([0, 0]),
        past_only=False,
    )
    assert log.by_user.sum_within(log.stars, log.by_user.find_window(window)).tolist() == [0, 0]


def test_positions_take_four_bytes() -> None:
    order = make_log(past_only=True).by_user.order
    assert order.dtype == np.int32
