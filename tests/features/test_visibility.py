import numpy as np
import pytest

from recsys.features.visibility import RatingLog, Visible
from tests.logs import make_log


def visible_rows(log: RatingLog, groups: np.ndarray, row: int) -> np.ndarray:
    """By the words of the docstring."""
    same = groups == groups[row]
    if log.past_only:
        return np.flatnonzero(same & (log.seconds < log.seconds[row]))
    others = np.arange(len(groups)) != row
    return np.flatnonzero(same & others & log.training)


@pytest.mark.parametrize("past_only", [False, True])
def test_sums_are_over_what_a_row_may_know(past_only: bool) -> None:
    log = make_log(past_only)
    for groups in (log.user, log.movie):
        sums = Visible(groups, log).sum(log.stars)
        expected = [log.stars[visible_rows(log, groups, row)].sum() for row in range(len(groups))]
        np.testing.assert_allclose(sums, expected)


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_last_known_ones(count: int) -> None:
    log = make_log(past_only=True)
    sums = log.by_user.sum_of_last(log.stars, count)
    for row, total in enumerate(sums):
        known = visible_rows(log, log.user, row)
        assert total == pytest.approx(log.stars[known[-count:]].sum())
