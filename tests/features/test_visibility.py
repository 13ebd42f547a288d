import numpy as np
import pytest

from recsys.features.visibility import Facts, Known
from tests.worlds import make_facts


def known_rows(facts: Facts, groups: np.ndarray, row: int) -> np.ndarray:
    """By the words of the docstring."""
    same = groups == groups[row]
    if facts.causal:
        return np.flatnonzero(same & (facts.seconds < facts.seconds[row]))
    others = np.arange(len(groups)) != row
    return np.flatnonzero(same & others & facts.training)


@pytest.mark.parametrize("causal", [False, True])
def test_sums_are_over_what_a_row_may_know(causal: bool) -> None:
    facts = make_facts(causal)
    for groups in (facts.user, facts.movie):
        sums = Known(groups, facts).sum(facts.stars)
        expected = [facts.stars[known_rows(facts, groups, row)].sum() for row in range(len(groups))]
        np.testing.assert_allclose(sums, expected)


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_last_known_ones(count: int) -> None:
    facts = make_facts(causal=True)
    sums = facts.by_user.sum_of_last(facts.stars, count)
    for row, total in enumerate(sums):
        known = known_rows(facts, facts.user, row)
        assert total == pytest.approx(facts.stars[known[-count:]].sum())
