from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.common.rating_scale import HALF_STARS, WHOLE_STARS
from recsys.data import encoding
from recsys.data.encoding import Encoded, encode_movies, encode_ratings, encode_tables, encode_users
from recsys.data.readers import Tables, read_tables
from recsys.sources.releases import RELEASES
from recsys.storage.vocabulary import Vocabulary, index_ids
from tests.conftest import unpinned
from tests.toy import Toy, write_dat

MOVIES = pd.DataFrame(
    {
        "movieid": [30, 10, 20, 40],
        "title": ["Heat (1995)", "Land, The (1994) (V)", "Untitled", "2001 (1968)"],
        "genres": [["Drama", "Action"], [], ["Comedy"], ["Action"]],
    }
)
USERS = pd.DataFrame(
    {"userid": [7, 3], "gender": ["M", "F"], "age": [1, 2], "occupation": ["a", "b"], "zip": "0"}
)


@pytest.fixture
def encoded(tmp_path: Path, toy: Toy) -> tuple[Tables, Encoded]:
    tables = read_tables(write_dat(toy, tmp_path), unpinned("ml-1m"))
    return tables, encode_tables(tables, RELEASES["ml-1m"])


def test_movies_by_hand() -> None:
    movies, genres = encode_movies(MOVIES)
    assert genres == ("Action", "Comedy", "Drama")
    assert movies["raw_movieid"].tolist() == [10, 20, 30, 40]
    assert movies["movieid"].tolist() == [1, 2, 3, 4]
    assert [codes.tolist() for codes in movies["genres"]] == [[], [1], [2, 0], [0]]
    assert movies["year"].tolist() == [1994, pd.NA, 1995, 1968]
    # 1990 to 1994, unknown, 1995 to 1999 and 1965 to 1969, by name.
    assert movies["period_code"].tolist() == [1, 3, 2, 0]


def test_movies_without_any_genre() -> None:
    movies, genres = encode_movies(MOVIES.assign(genres=[[]] * 4))
    assert genres == ()
    assert [len(codes) for codes in movies["genres"]] == [0] * 4


def test_users_by_hand() -> None:
    users = encode_users(USERS)
    assert users["raw_userid"].tolist() == [3, 7]
    assert users["userid"].tolist() == [1, 2]
    assert users["gender"].tolist() == [0, 1]
    assert users["age_code"].tolist() == [1, 0]
    assert users["occupation_code"].tolist() == [1, 0]
    assert users["zip_code"].tolist() == [0, 0]
    assert encode_users(USERS.assign(gender=None))["gender"].tolist() == [0.5, 0.5]


def test_ratings_keep_their_meaning(encoded: tuple[Tables, Encoded]) -> None:
    tables, result = encoded
    (ratings,) = encode_ratings(tables.ratings, result.vocabulary, label_threshold=3)
    assert len(ratings) == len(tables.ratings)
    back = pd.DataFrame(
        {
            "userid": result.vocabulary.userids[ratings["userid"] - 1],
            "movieid": result.vocabulary.movieids[ratings["movieid"] - 1],
            "rating": ratings["rating"].to_numpy(),
            "timestamp": ratings["timestamp"].to_numpy(),
        }
    )
    key = ["timestamp", "userid", "movieid"]
    pd.testing.assert_frame_equal(back, tables.ratings.sort_values(key, ignore_index=True))
    assert ratings["label"].tolist() == [int(rating > 3) for rating in ratings["rating"]]
    assert ratings["rating_norm"].tolist() == [(rating - 1) / 4 for rating in ratings["rating"]]


@pytest.mark.parametrize(("threshold", "labels"), [(2, [0, 1, 1]), (3.5, [0, 0, 1]), (5, [0] * 3)])
def test_the_threshold_is_exclusive(threshold: float, labels: list[int]) -> None:
    ratings = pd.DataFrame(
        {
            "userid": np.array([3, 7, 3], np.int32),
            "movieid": np.array([10, 10, 20], np.int32),
            "rating": np.array([2, 3, 4], np.float32),
            "timestamp": [1, 2, 3],
        }
    )
    result = encode_tables(Tables(USERS, MOVIES, ratings), RELEASES["ml-1m"])
    (frame,) = encode_ratings(ratings, result.vocabulary, threshold)
    assert frame["label"].tolist() == labels


def test_ratings_come_in_pieces(
    encoded: tuple[Tables, Encoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, result = encoded
    (whole,) = encode_ratings(tables.ratings, result.vocabulary, 3)
    monkeypatch.setattr(encoding, "ROWS_AT_ONCE", 400)
    pieces = list(encode_ratings(tables.ratings, result.vocabulary, 3))
    assert [len(piece) for piece in pieces] == [400, 400, 400, 300]
    pd.testing.assert_frame_equal(pd.concat(pieces), whole)


def test_scales() -> None:
    stars = np.array([1, 2, 5], np.float32)
    assert WHOLE_STARS.normalise(stars).tolist() == [0, 0.25, 1]
    assert HALF_STARS.normalise(np.array([0.5, 2.75], np.float32)).tolist() == [0, 0.5]
    np.testing.assert_allclose(HALF_STARS.denormalise(HALF_STARS.normalise(stars)), stars)


def test_indices_start_at_one_and_zero_is_unknown() -> None:
    vocabulary = np.array([10, 20, 40], np.int32)
    raw = np.array([40, 10, 20, 30, 5, 50], np.int32)
    assert index_ids(raw, vocabulary).tolist() == [3, 1, 2, 0, 0, 0]


def test_a_vocabulary_survives_its_file(tmp_path: Path, encoded: tuple[Tables, Encoded]) -> None:
    vocabulary = encoded[1].vocabulary
    vocabulary.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert loaded.userids.tolist() == vocabulary.userids.tolist()
    assert loaded.movieids.tolist() == vocabulary.movieids.tolist()
    assert (loaded.genres, loaded.rating_scale) == (vocabulary.genres, WHOLE_STARS)
    assert loaded.sizes == {
        "userid": 61,
        "movieid": 41,
        "liked": 41,
        "disliked": 41,
        "genres": 4,
        "age": 50,
        "occupation": 1,
        "zip": 1,
        "period": 8,
    }


@pytest.mark.parametrize("text", ["", "{}", "[]"])
def test_a_damaged_vocabulary_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "vocabulary.json").write_text(text)
    with pytest.raises(InputError, match="is no vocabulary"):
        Vocabulary.load(tmp_path / "vocabulary.json")
