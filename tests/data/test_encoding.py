from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from recsys.data.encoding import (
    encode_columns,
    encode_dimensions,
    prepare_movies,
    prepare_users,
)
from recsys.data.params import EncodeParams
from recsys.data.presets import preset
from recsys.pipeline.params import load_params
from recsys.storage.registry import MOVIELENS
from recsys.storage.vocabulary import Vocabulary
from tests.conftest import PARAMS, unpinned
from tests.raw import Read, read_raw
from tests.toy import Toy, write_dat

MOVIES = pd.DataFrame(
    {
        "raw_movieid": [30, 10, 20, 40],
        "title": ["Heat (1995)", "Land, The (1994) (V)", "Untitled", "2001 (1968)"],
        "genres": [["Drama", "Action"], [], ["Comedy"], ["Action"]],
    }
)
USERS = pd.DataFrame(
    {
        "raw_userid": [7, 3],
        "gender": ["M", "F"],
        "age": [1, 2],
        "occupation": ["a", "b"],
        "zip": ["12455", "12345"],
    }
)


ENCODE = load_params(PARAMS)[EncodeParams]
Encoded = tuple[dict[str, pa.Table], Vocabulary]


@pytest.fixture
def encoded(tmp_path: Path, toy: Toy) -> tuple[Read, Encoded]:
    tables = read_raw(write_dat(toy, tmp_path), preset(unpinned("ml-1m")))
    return tables, encode_dimensions(tables.dataset, ENCODE)


def test_encoded_movies_match_an_example_by_hand() -> None:
    movies, names = encode_columns(prepare_movies(MOVIES, ENCODE), "movies", MOVIELENS)
    assert names["genres"] == ("Action", "Comedy", "Drama")
    assert movies["raw_movieid"].tolist() == [10, 20, 30, 40]
    assert [codes.tolist() for codes in movies["genres"]] == [[], [1], [2, 0], [0]]
    assert movies["year"].tolist() == [1994, pd.NA, 1995, 1968]
    # The periods from 1990, of no year, from 1995 and from 1965, coded in the order of their names.
    assert movies["period_code"].tolist() == [2, 0, 3, 1]
    assert names["period"] == ("", "393", "398", "399")


def test_params_set_the_years_of_a_period() -> None:
    params = ENCODE.model_copy(update={"period_years": 10})
    movies, _ = encode_columns(prepare_movies(MOVIES, params), "movies", MOVIELENS)
    assert movies["period_code"].tolist() == [2, 0, 2, 1]


def test_movies_without_any_genre_have_empty_lists() -> None:
    movies, names = encode_columns(
        prepare_movies(MOVIES.assign(genres=[[]] * 4), ENCODE), "movies", MOVIELENS
    )
    assert names["genres"] == ()
    assert [len(codes) for codes in movies["genres"]] == [0] * 4


def test_encoded_users_match_an_example_by_hand() -> None:
    users, names = encode_columns(prepare_users(USERS, ENCODE), "users", MOVIELENS)
    assert users["raw_userid"].tolist() == [3, 7]
    assert users["gender"].tolist() == [0, 1]
    assert users["age_code"].tolist() == [1, 0]
    assert users["occupation_code"].tolist() == [1, 0]
    assert users["zip_code"].tolist() == [0, 1]
    assert names == {"age": ("1", "2"), "occupation": ("a", "b"), "zip": ("123", "124")}
    assert prepare_users(USERS.assign(gender=None), ENCODE)["gender"].tolist() == [0.5, 0.5]


def test_params_set_the_length_of_a_zip_prefix() -> None:
    params = ENCODE.model_copy(update={"zip_prefix": 2})
    _, names = encode_columns(prepare_users(USERS, params), "users", MOVIELENS)
    assert names["zip"] == ("12",)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("all_missing", [False, True])
def test_a_missing_value_stays_missing(missing: object, all_missing: bool) -> None:
    known = {"age": "25", "occupation": "a", "zip": "12345", "gender": "F"}
    rows = [dict.fromkeys(known, missing), dict.fromkeys(known, missing) if all_missing else known]
    users = pd.DataFrame(rows, dtype=object).assign(raw_userid=[1, 2])
    encoded, names = encode_columns(prepare_users(users, ENCODE), "users", MOVIELENS)
    assert encoded["gender"].tolist() == [0.5, 0.5 if all_missing else 0]
    for feature, value in (("age", "25"), ("occupation", "a"), ("zip", "123")):
        assert names[feature] == (("",) if all_missing else ("", value))
        assert encoded[f"{feature}_code"].tolist() == [0, 0 if all_missing else 1]


def test_other_ids_or_genres_change_the_digest(encoded: tuple[Read, Encoded]) -> None:
    tables, (_, vocabulary) = encoded
    users = tables.users.assign(raw_userid=tables.users["raw_userid"] + 1)
    for changed in (
        replace(tables.dataset, users=users),
        replace(
            tables.dataset, movies=tables.movies.assign(genres=[["Drama"]] * len(tables.movies))
        ),
    ):
        _, other = encode_dimensions(changed, ENCODE)
        assert other.ids != vocabulary.ids
    # The order of the users in the file does not matter.
    _, same = encode_dimensions(replace(tables.dataset, users=tables.users.iloc[::-1]), ENCODE)
    assert same.ids == vocabulary.ids
