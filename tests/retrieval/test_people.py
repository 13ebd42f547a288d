from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.retrieval.people import list_users, read_people
from recsys.storage import schemas
from recsys.storage.parquet import numbered, read_metadata, write_parquet
from tests.runs import Run

MOVIES = 42


def test_people_have_their_ratings_outside_of_the_test_part(run: Run) -> None:
    source = run.ratings, run.split / "test.parquet", run.dimensions()
    ratings, test = (pd.read_parquet(path) for path in source[:2])
    before = ratings.drop(index=test["row"])
    for relevant in ("likes", "all"):
        listed = test if relevant == "all" else test[test["label"] == 1]
        users = list_users(*source, relevant)
        assert users.tolist() == sorted(set(listed["user"]))
        people = read_people(*source, relevant, users[1::2])
        assert people.seconds is not None
        assert people.gaps is not None
        assert people.relevant.shape == (len(people.users), MOVIES)
        for place, user in enumerate(users[1::2]):
            own, tested = before[before["user"] == user], test[test["user"] == user]
            assert set(people.histories[place : place + 1].movie) == set(own["movie"])
            movies = listed.loc[listed["user"] == user, "movie"]
            assert people.relevant[place].indices.tolist() == sorted(movies)
            assert people.seconds[place] == tested["timestamp"].min()
            last = own["timestamp"].max() if len(own) else -np.inf
            assert people.gaps[place] == tested["timestamp"].min() - last


def test_partitions_give_the_same_people(run: Run, tmp_path: Path) -> None:
    dimensions, test = run.dimensions(), run.split / "test.parquet"
    ratings = pd.read_parquet(run.ratings)
    for number, rows in enumerate(np.array_split(np.arange(len(ratings)), 3)):
        path = tmp_path / numbered(number)
        write_parquet(ratings.iloc[rows], path, schemas.RATINGS, read_metadata(run.ratings))
    users = list_users(run.ratings, test, dimensions, "likes")
    whole, found = (
        read_people(files, test, dimensions, "likes", users) for files in (run.ratings, tmp_path)
    )
    for name in ("starts", "movie", "rating", "seconds"):
        first, second = (getattr(people.histories, name) for people in (whole, found))
        np.testing.assert_array_equal(first, second)


def test_a_test_part_of_another_run_is_refused(run: Run) -> None:
    path = run.split / "test.parquet"
    metadata = read_metadata(path) | {"split": "other"}
    write_parquet(pd.read_parquet(path), path, schemas.PART, metadata)
    with pytest.raises(InputError, match="of different runs: they differ in their split"):
        list_users(run.ratings, path, run.dimensions(), "likes")
