"""Published ids and their rows."""

import numpy as np
import pytest
import torch

from recsys.common.errors import InputError
from recsys.storage.ids import Ids

NUMBERS = Ids(np.array([2, 5, 9], np.int32), "user")
TEXTS = Ids(np.array(["007", "5", "a\0", "b"], object), "movie")


@pytest.mark.parametrize(
    "wanted",
    [
        [9, 3, 2, -1, 10],
        ["9", "3", "2", "-1", "10"],
        torch.tensor([9, 3, 2, -1, 10]),
        np.array([9, 3, 2, -1, 10], np.int8),
        np.array([9, 2.5, 2, np.nan, 1e300]),
        ["9", "9.0", "2", " 2", "²"],
        [9, 10**30, 2, 2**63, -(2**63)],
    ],
    ids=str,
)
def test_integers_are_found_as_numbers_and_as_texts(wanted: object) -> None:
    assert NUMBERS.find(wanted).tolist() == [2, 3, 0, 3, 3]


def test_texts_are_found_exactly_and_a_number_as_its_text() -> None:
    assert TEXTS.find(["b", "B", "a", "a\0", "7", "007"]).tolist() == [3, 4, 4, 2, 4, 0]
    assert TEXTS.find([5, 7]).tolist() == [1, 4]


@pytest.mark.parametrize("ids", [NUMBERS, TEXTS], ids=["numbers", "texts"])
def test_each_row_has_its_id(ids: Ids) -> None:
    known = ids.take(range(len(ids)))
    assert ids.find(known).tolist() == list(range(len(ids)))
    assert ids.rows(known).tolist() == list(range(len(ids)))
    assert ids.find([]).tolist() == ids.take([]) == []
    again = Ids.from_numbers("x", ids.to_numbers("x"), ids.noun)
    assert again.take(range(len(ids))) == known


@pytest.mark.parametrize(
    ("wanted", "nearest"), [(0, "2"), (3, "2 and 5"), ("6", "5 and 9"), (10, "9"), (-1, "2")]
)
def test_an_unknown_id_is_reported_with_the_nearest_ids(wanted: int | str, nearest: str) -> None:
    with pytest.raises(InputError) as error:
        NUMBERS.rows([5, wanted, 1000])
    expected = f"there is no user {wanted}; the 3 users have ids from 2 to 9, the nearest {nearest}"
    assert str(error.value) == expected


def test_an_impossible_id_is_reported_with_the_kind_of_the_ids() -> None:
    with pytest.raises(InputError) as error:
        NUMBERS.rows(["x" * 1000])
    assert str(error.value).endswith(": the 3 users have whole numbers as ids, from 2 to 9")
    assert len(str(error.value)) < 200
    with pytest.raises(InputError, match="no movie 'aa'; the 4 movies have ids from 007 to b, the"):
        TEXTS.rows(["b", "aa"])


def test_numbers_that_do_not_ascend_are_no_ids() -> None:
    with pytest.raises(ValueError, match="are no ascending integers"):
        Ids.from_numbers("x", {"x": np.array([2, 2])}, "user")
