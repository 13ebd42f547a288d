import numpy as np
import pytest

from recsys.features.visibility import RatingLog, VisibleRatings
from tests.logs import make_log


def visible_rows(log: RatingLog, groups: np.ndarray, row: int) -> np.ndarray:
    """The visible rows by definition: a direct transcription of the docstring."""
    same = groups == groups[row]
    if log.past_only:
        return np.flatnonzero(same & (log.seconds < log.seconds[row]))
    others = np.arange(len(groups)) != row
    return np.flatnonzero(same & others & log.training)


@pytest.mark.parametrize("past_only", [False, True])
def test_sums_are_over_the_visible_rows(past_only: bool) -> None:
    log = make_log(past_only)
    for groups in (log.user, log.movie):
        sums = VisibleRatings(groups, log).sum(log.stars)
        expected = [log.stars[visible_rows(log, groups, row)].sum() for row in range(len(groups))]
        np.testing.assert_allclose(sums, expected)


@pytest.mark.parametrize("count", [1, 3, 100])
def test_sum_of_last_is_over_the_last_visible_rows(count: int) -> None:
    log = make_log(past_only=True)
    sums = log.by_user.sum_of_last(log.stars, count)
    for row, total in enumerate(sums):
        visible = visible_rows(log, log.user, row)
        assert total == pytest.approx(log.stars[visible[-count:]].sum())
