import numpy as np
import pytest

from recsys.features.histories import NOWHERE, find_history
from recsys.features.visibility import Facts
from tests.worlds import make_facts, with_stars


def entries(facts: Facts, label: int, longest: int) -> list[list[int]]:
    """For each rating, the ratings that its stretch of the log stands for."""
    history = find_history(facts, label, longest)
    found = []
    for start, length, skip in zip(history.start, history.length, history.skip, strict=True):
        places = [place for place in range(start, start + length) if place != skip]
        found.append(history.rows[places].tolist())
    return found


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("causal", [False, True])
def test_a_long_history_is_all_that_may_be_known(causal: bool, label: int) -> None:
    facts = make_facts(causal)
    for row, found in enumerate(entries(facts, label, longest=1000)):
        known = (facts.user == facts.user[row]) & (facts.label == label)
        if causal:
            known &= facts.seconds < facts.seconds[row]
        else:
            known &= facts.training
            known[row] = False
        assert found == np.flatnonzero(known).tolist()


def test_a_short_history_is_the_last() -> None:
    facts = make_facts(causal=True)
    whole = entries(facts, 1, 1000)
    assert entries(facts, 1, 3) == [known[-3:] for known in whole]


@pytest.mark.parametrize("label", [0, 1])
def test_the_length_does_not_tell_the_label(label: int) -> None:
    """With more than enough ratings every row has as many, whatever it says itself."""
    facts = make_facts(causal=False)
    found = entries(facts, label, longest=3)
    assert {len(known) for known in found} == {3}
    for row, known in enumerate(found):
        assert row not in known
        assert set(facts.user[known]) == {facts.user[row]}


def test_labels_of_the_test_part_change_no_history() -> None:
    facts = make_facts(causal=False)
    hidden = np.flatnonzero(facts.part > 0)
    changed = with_stars(facts, hidden, 6 - facts.stars[hidden])
    for label in (0, 1):
        assert entries(changed, label, 5) == entries(facts, label, 5)
    history = find_history(facts, 1, 5)
    assert (history.skip[hidden] == NOWHERE).all()


def test_later_labels_change_no_earlier_history() -> None:
    facts = make_facts(causal=True)
    second = facts.seconds[150]
    later = np.flatnonzero(facts.seconds >= second)
    changed = with_stars(facts, later, 6 - facts.stars[later])
    early = facts.seconds <= second
    before, after = entries(facts, 1, 5), entries(changed, 1, 5)
    assert [x for x, e in zip(before, early, strict=True) if e] == [
        x for x, e in zip(after, early, strict=True) if e
    ]
