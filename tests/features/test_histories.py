from dataclasses import replace

import numpy as np
import pytest

from recsys.features.histories import find_history
from recsys.features.visibility import RatingLog
from tests.logs import compute, make_log, with_stars


def history_rows(log: RatingLog, label: int, longest: int) -> list[list[int]]:
    """For each rating, the rows of the ratings in its history."""
    history = find_history(log, label, longest)
    order = log.by_user.order
    is_entry = log.label[order] == label
    if not log.past_only:
        is_entry &= log.training[order]
    rows = order[is_entry]
    np.testing.assert_array_equal(log.movie[rows], history.movies)
    found = []
    for start, length, skip in zip(history.start, history.length, history.skip, strict=True):
        places = [place for place in range(start, start + length) if place != skip]
        found.append(rows[places].tolist())
    return found


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("past_only", [False, True])
def test_a_long_history_is_all_visible_ratings(past_only: bool, label: int) -> None:
    log = make_log(past_only)
    for row, found in enumerate(history_rows(log, label, longest=1000)):
        visible = (log.user == log.user[row]) & (log.label == label)
        if past_only:
            visible &= log.seconds < log.seconds[row]
            assert found == np.flatnonzero(visible).tolist()
            continue
        visible &= log.training
        visible[row] = False
        # A rating with the other label lacks an entry, as one with this label lacks itself.
        missing = int(log.training[row] and log.label[row] != label and visible.any())
        assert len(found) == visible.sum() - missing
        assert set(found) <= set(np.flatnonzero(visible))
        assert found == sorted(found)


def test_a_short_history_is_the_last_visible_ratings() -> None:
    log = make_log(past_only=True)
    whole = history_rows(log, 1, 1000)
    assert history_rows(log, 1, 3) == [visible[-3:] for visible in whole]


def test_liked_movies_have_the_label_1_and_disliked_ones_0() -> None:
    log = make_log(past_only=True)
    histories = compute(log, groups=()).histories
    for name, label in (("liked", 1), ("disliked", 0)):
        history, row = histories[name], len(log.user) - 1
        stretch = slice(history.start[row], history.start[row] + history.length[row])
        visible = (log.user == log.user[row]) & (log.seconds < log.seconds[row])
        expected = log.movie[visible & (log.label == label)][-5:]
        assert history.movies[stretch].tolist() == expected.tolist()


@pytest.mark.parametrize("longest", [1, 4, 5])
def test_a_short_history_of_a_random_split_is_on_both_sides(longest: int) -> None:
    log = make_log(past_only=False)
    for row, found in enumerate(history_rows(log, 1, longest)):
        entries = (log.user == log.user[row]) & (log.label == 1) & log.training
        entries[row] = False
        visible = np.flatnonzero(entries)
        before = np.searchsorted(visible, row)
        first = np.clip(before - longest // 2, 0, max(len(visible) - longest, 0))
        if len(visible) > longest:
            assert found == visible[first : first + longest].tolist()


@pytest.mark.parametrize("longest", [1, 5, 10, 1000])
@pytest.mark.parametrize("label", [0, 1])
def test_all_training_rows_of_a_user_see_equally_many(label: int, longest: int) -> None:
    """So not even a model that knows the user can tell a row's label from the number."""
    log = make_log(past_only=False)
    # The first users have few ratings with this label.
    few = (log.user < 5) & (log.label == label) & (np.arange(len(log.user)) % 4 > 0)
    part = np.where(few & log.training, 1, log.part).astype(log.part.dtype)
    log = replace(log, part=part)
    found = history_rows(log, label, longest)
    lengths = np.array([len(visible) for visible in found])
    for user in np.unique(log.user):
        rows = (log.user == user) & log.training
        assert len(set(lengths[rows])) == 1
        entries = (rows & (log.label == label)).sum()
        assert set(lengths[rows]) == {min(longest, max(entries - 1, 0))}
        others = (log.user == user) & ~log.training
        assert set(lengths[others]) <= {min(longest, entries)}


@pytest.mark.parametrize("label", [0, 1])
def test_the_length_does_not_reveal_the_label(label: int) -> None:
    """If a user has enough ratings, every history is equally long, whatever the row's own label."""
    log = make_log(past_only=False)
    found = history_rows(log, label, longest=3)
    assert {len(visible) for visible in found} == {3}
    for row, visible in enumerate(found):
        assert row not in visible
        assert set(log.user[visible]) == {log.user[row]}


def test_labels_of_the_test_part_change_no_history() -> None:
    log = make_log(past_only=False)
    hidden = np.flatnonzero(log.part > 0)
    changed = with_stars(log, hidden, 6 - log.stars[hidden])
    for label in (0, 1):
        assert history_rows(changed, label, 5) == history_rows(log, label, 5)
    history = find_history(log, 1, 5)
    assert (history.skip[hidden] == -1).all()


def test_later_labels_change_no_earlier_history() -> None:
    log = make_log(past_only=True)
    second = log.seconds[150]
    later = np.flatnonzero(log.seconds >= second)
    changed = with_stars(log, later, 6 - log.stars[later])
    early = log.seconds <= second
    before, after = history_rows(log, 1, 5), history_rows(changed, 1, 5)
    assert [x for x, e in zip(before, early, strict=True) if e] == [
        x for x, e in zip(after, early, strict=True) if e
    ]
