"""Odd but plausible data are used as they are, and noted with a count and an example."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.common.errors import InputError
from recsys.data.own import own_schema
from recsys.pipeline.params import load_params
from recsys.sources.params import OwnParams
from tests.conftest import PARAMS
from tests.raw import Read, read_raw

OWN = load_params(PARAMS)[OwnParams]
NAMED = {"interactions": "t.csv", "user": "u", "item": "i", "rating": "r"}


def read(folder: Path, interactions: str, items: str = "", users: str = "", **own: Any) -> Read:
    """Read own data of columns u, i, r, and, in their files, u, city and i, tags."""
    files = {"interactions": interactions, "items": items, "users": users}
    for noun, text in files.items():
        if text:
            (folder / noun).mkdir(exist_ok=True)
            (folder / noun / "t.csv").write_text(text.replace(" / ", "\n"))
    params = {noun: noun and "t.csv" if text else "" for noun, text in files.items()}
    params |= {"user": "u", "item": "i", "rating": "r"}
    schema = own_schema(OWN.model_copy(update=params | own))
    return read_raw(folder, schema, label_threshold=None)


PLAIN = "u,i,r / 1,1,1 / 1,2,2 / 2,1,3 / 2,2,1"


def test_plain_data_has_no_notes(tmp_path: Path) -> None:
    tables = read(tmp_path, PLAIN)
    assert tables.notes == ()
    assert tables.id_types == {"users": "int64", "movies": "int64"}
    assert tables.ratings["user"].tolist() == [0, 0, 1, 1]


def test_ids_that_look_alike_stay_apart(tmp_path: Path) -> None:
    text = "u,i,r / 7,a,1 / 7,b,2 / 007,A,3 / 007,a,1 / x,b,1 / x,B,1"
    tables = read(tmp_path, text)
    assert tables.users["raw_userid"].tolist() == ["007", "7", "x"]
    assert tables.movies["raw_movieid"].tolist() == ["A", "B", "a", "b"]
    by = "differ from another only by letter case, spaces or zeros in front"
    assert tables.notes == (
        f"ids of u that {by}: 1, such as '007' and '7'; each counts as its own",
        f"ids of i that {by}: 2, such as 'A' and 'a'; each counts as its own",
    )


def test_spaces_around_ids_are_dropped_and_noted(tmp_path: Path) -> None:
    tables = read(tmp_path, "u,i,r / 1,1,1 /  1 ,2,2 / 2,1,3 / 2,2 ,1")
    assert tables.ratings["user"].tolist() == [0, 0, 1, 1]
    assert tables.notes == (
        "ids of u in t.csv have spaces around them, such as ' 1 '; they are read without",
        "ids of i in t.csv have spaces around them, such as '2 '; they are read without",
    )


def test_values_that_look_alike_stay_apart(tmp_path: Path) -> None:
    tables = read(
        tmp_path,
        PLAIN,
        items="i,tags / 1,sci-fi;War / 2,Sci-Fi; sci - fi",
        users="u,city / 1,New York / 2,new york",
        item_features=("tags:list:;",),
        user_features=("city:category",),
    )
    assert tables.movies["own tags"].tolist() == [["sci-fi", "War"], ["Sci-Fi", "sci - fi"]]
    assert tables.notes == (
        "values of city that differ from another only by letter case or spaces: 1, such as "
        "'New York' and 'new york'; each counts as its own",
        "values of tags that differ from another only by letter case or spaces: 2, such as "
        "'sci-fi' and 'Sci-Fi'; each counts as its own",
    )


def test_single_ratings_missing_items_and_empty_lists_are_counted(tmp_path: Path) -> None:
    tables = read(
        tmp_path,
        "u,i,r / 1,1,1 / 1,2,2 / 2,1,3 / 3,9,1",
        items="i,name,tags / 1,One,a / 2,,",
        item_features=("tags:list:;",),
        title="name",
    )
    assert tables.movies["title"].tolist() == ["One", "2", "9"]
    assert tables.movies["own tags"].tolist() == [["a"], [], []]
    assert tables.notes == (
        "movies without name, whose title is their id: 1 of 3, such as 2",
        "movies that are not in t.csv: 1 of 3, such as 9",
        "movies without tags: 2 of 3, such as 2",
        "users with a single rating: 2 of 3, such as 2",
    )


def test_a_single_time_is_noted_where_time_is_used(tmp_path: Path) -> None:
    text = PLAIN.replace(" / ", ",1000000000 / ") + ",1000000000"
    text = text.replace("r,1000000000", "r,t")
    assert read(tmp_path, text).notes == ()
    (note,) = read(tmp_path, text, time="t").notes
    assert note == "all 4 rows have the same time, 2001-09-09 01:46:40 UTC, so there is no past"


TIMES = ["2001-09-09", "2001-09-09 01:46", "2001-09-09T01:46:40", " 2001-09-09 "]
ZONED = ["2001-09-09T01:46:40Z", "2001-09-09 03:46:40+02:00", "2001-09-09 03:46:40.5 -0230"]


@pytest.mark.parametrize("times", [TIMES, ZONED, TIMES + ZONED])
def test_times_without_a_zone_are_counted(tmp_path: Path, times: list[str]) -> None:
    rows = (f"{place},1,{place % 2},{time}" for place, time in enumerate(times))
    notes = read(tmp_path, " / ".join(["u,i,r,t", *rows]), time="t", time_format="iso").notes
    counted = [note for note in notes if "time zone" in note]
    without = [time.strip() for time in times if time in TIMES]
    assert counted == [
        f"times of t without a time zone, read as UTC: {len(without)} of {len(times)}, such as "
        f"{time!r}"
        for time in without[:1]
    ]


def test_a_column_of_own_data_may_have_the_name_of_a_column_of_the_project(tmp_path: Path) -> None:
    tables = read(
        tmp_path,
        PLAIN,
        items="i,year,gender / 1,1990,F / 2,2010,x",
        item_features=("year:number", "gender:category"),
    )
    np.testing.assert_allclose(tables.movies["own year"], [-1, 1], atol=1e-5)
    assert tables.movies["own gender"].tolist() == ["F", "x"]
    columns = {feature.name: feature.column for feature in tables.features}
    assert columns == {"bias": "bias", "year": "year_number", "gender": "gender_code"}


@pytest.mark.parametrize(
    ("items", "features", "message"),
    [
        ("i,x / 1,2 / 2,1e400", "x:number", "t.csv line 3: x = '1e400' is not a number"),
        ("i,x / 1,2 / 2,1e308 / 3,-1e308", "x:number", "is too large a number; correct the file"),
        ("i,x / 1,2 / 2,y", "x:number", "t.csv line 3: x = 'y' is not a number; correct the file"),
        ("i,x", "x:number", "t.csv has no rows below its header; correct the file"),
        ("i,x / 1,2 / 1 ,3", "x:number", "t.csv line 3: i = '1 ' occurs twice; correct the file"),
    ],
)
def test_impossible_values_of_items_are_refused(
    tmp_path: Path, items: str, features: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, PLAIN, items=items, item_features=(features,))


def test_impossible_ratings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: r = '1e300' is too large a number"):
        read(tmp_path, PLAIN.replace("1,1,1 /", "1,1,1e300 /"))
    with pytest.raises(InputError, match=r"r has 1 different values; set own.rating_scale"):
        read(tmp_path, "u,i,r / 1,1,3 / 2,2,3")
    tables = read(tmp_path, PLAIN.replace(",3 /", ",0.3 /"), rating_scale=(0.1, 2.0, 0.1))
    assert tables.rating_scale.step == 0.1


@pytest.mark.parametrize(
    ("stars", "step", "off"),
    [
        ((1, 2, 3, 1), 1, 1.5),
        ((0.1, 0.2, 9.9, 0.3), 0.1, 0.25),
        ((1, 2, 4.5, 1), None, 4.6),
        ((0.1, 0.35, 0.9123, 0.1), None, 0.0999),
    ],
)
def test_an_inferred_scale_has_all_ratings(
    tmp_path: Path, stars: tuple[float, ...], step: float | None, off: float
) -> None:
    rows = (f" / {i // 2},{i % 2},{rating}" for i, rating in enumerate(stars))
    scale = read(tmp_path, "u,i,r" + "".join(rows)).rating_scale
    assert scale.step == (step and pytest.approx(step))
    assert scale.has(stars).all()
    assert not scale.has([off, 1e300, np.nan]).any()


def test_minus_zero_is_zero(tmp_path: Path) -> None:
    for ratings in ("-0,0,2,1", "0,-0.0,2,1"):
        rows = (f" / {i // 2},{i % 2},{r}" for i, r in enumerate(ratings.split(",")))
        assert str(read(tmp_path, "u,i,r" + "".join(rows)).rating_scale) == "0 to 2 stars by 1"


def test_of_many_different_ratings_only_the_first_are_counted(tmp_path: Path) -> None:
    text = "u,i,r / " + " / ".join(f"{i},{i % 7},{i / 10_000:.4f}" for i in range(14_000))
    with pytest.raises(InputError, match=r"r has more than 10,000 different values; set own.rati"):
        read(tmp_path, text)
    schema = own_schema(OWN.model_copy(update=NAMED | {"rating_scale": (0.0, 2.0, 0.0001)}))
    kept = read_raw(tmp_path, schema, label_threshold=None, drop_ratings=(1.3999,))
    assert len(kept.ratings) == 13_999
    with pytest.raises(InputError, match=r"encode\.drop_ratings: no rating has 7 stars"):
        read_raw(tmp_path, schema, label_threshold=None, drop_ratings=(7.0,))


def test_the_last_of_repeated_interactions_is_kept(tmp_path: Path) -> None:
    text = "u,i,r,t / 1,1,1,1000000003 / 1,1,2,1000000002 / 2,1,3,1000000001 / 2,1,4,1000000001"
    tables = read(tmp_path, text, time="t", duplicates="keep_last")
    # Of one time, the last line is the last.
    assert tables.ratings["rating"].tolist() == [1, 4]
    assert tables.notes[0] == "2 earlier ratings of a repeated pair are dropped"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rating_scale": (0.0, 1000.0, 1e-06)}, r"= \[0.0, 1000.0, 1e-06\]: the step is too"),
        ({"user": "u", "item": "u"}, "user and item are both 'u'; name two columns"),
    ],
)
def test_impossible_params_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OwnParams.model_validate(OWN.model_dump() | changes)
