from hashlib import sha256

import numpy as np
import pytest

from recsys.common.pair_hash import draw_rows, hash_ids, hash_pairs, to_fractions


def by_hand(user: object, item: object) -> int:
    """The key of a pair by Python's integers, as one would write it in SQL."""
    key = sum(
        int(sha256(f"{salt} {each}".encode()).hexdigest()[:16], 16)
        for salt, each in (("a", user), ("b", item))
    )
    key %= 2**64
    key ^= key >> 30
    key = key * 0xBF58476D1CE4E5B9 % 2**64
    key ^= key >> 27
    key = key * 0x94D049BB133111EB % 2**64
    return key ^ key >> 31


@pytest.mark.parametrize(
    ("users", "items"),
    [
        (np.array([1, 7, 2**31 - 1], np.int32), np.array([5, 0, 5])),
        (np.array([2**63 - 1, -(2**63), 0]), np.array(["é", "x y", ""], object)),
    ],
)
def test_keys_equal_those_of_plain_integers(users: np.ndarray, items: np.ndarray) -> None:
    keys = hash_pairs(hash_ids(users, "a"), hash_ids(items, "b"))
    expected = [by_hand(*pair) for pair in zip(users.tolist(), items.tolist(), strict=True)]
    assert keys.tolist() == expected
    fractions = to_fractions(keys)
    np.testing.assert_allclose(fractions, np.array(expected, float) / 2**64, rtol=0, atol=2**-52)
    assert (fractions < 1).all()


def test_an_id_has_the_same_key_as_a_number_and_as_a_text() -> None:
    texts = np.array(["3", "-4"], object)
    assert hash_ids(np.array([3, -4]), "a").tolist() == hash_ids(texts, "a").tolist()
    assert hash_ids(texts, "a").tolist() != hash_ids(texts, "b").tolist()


def test_the_largest_key_is_below_1() -> None:
    assert to_fractions(np.array([2**64 - 1, 0], np.uint64)).tolist() == [1 - 2.0**-53, 0]


def test_fractions_are_uniform_over_similar_pairs() -> None:
    users, items = (values.ravel() for values in np.divmod(np.arange(300_000), 500))
    keys = hash_ids(np.arange(600), "u"), hash_ids(np.arange(500), "i")
    fractions = to_fractions(hash_pairs(keys[0][users], keys[1][items]))
    # A tenth of all pairs, of each user and of each item is below 0.1, but for sampling.
    tenth = fractions < 0.1
    assert abs(tenth.mean() - 0.1) < 4 * np.sqrt(0.09 / 300_000)
    for rows, count in ((users, 500), (items, 600)):
        fractions_below = np.bincount(rows, tenth) / count
        assert 0.8 < fractions_below.var() / (0.09 / count) < 1.2


def test_a_sample_has_the_size_and_is_drawn_alike_from_every_part_of_the_rows() -> None:
    rows = np.arange(10_000)
    drawn = draw_rows(rows, 1000, "a")
    assert len(drawn) == len(np.unique(drawn)) == 1000
    assert (np.diff(drawn) > 0).all()
    # Of the even rows, about as many are drawn as of any half.
    assert 400 < (drawn % 2 == 0).sum() < 600
    assert drawn.tolist() != draw_rows(rows, 1000, "b").tolist()
    # Who is drawn of all is drawn of fewer, too.
    assert set(drawn[drawn < 5000]) <= set(draw_rows(rows[:5000], 1000, "a"))
    assert draw_rows(rows[:7], 7, "a").tolist() == list(range(7))
