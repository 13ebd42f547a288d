import pytest

from recsys.common.errors import InputError
from recsys.serving.recommend.options import Years, check_years, read_years


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1990-1999", (1990, 1999)),
        (" 1995-1995 ", (1995, 1995)),
        ("1990-", (1990, None)),
        ("-1980", (None, 1980)),
    ],
)
def test_years_are_written_from_to(text: str, years: Years) -> None:
    assert read_years(text) == years


@pytest.mark.parametrize("text", ["", "-", "1990", "90-99", "1990-1999-", "1990 - 1999", "²000-"])
def test_other_texts_are_no_years(text: str) -> None:
    with pytest.raises(InputError, match="write FROM-TO: 1990-1999, 1990- or -1980"):
        read_years(text)


def test_years_begin_before_they_end() -> None:
    assert check_years((None, 0)) == (None, 0)
    with pytest.raises(InputError, match="the years 1999 to 1990 end before they begin"):
        read_years("1999-1990")
