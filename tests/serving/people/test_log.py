import dataclasses

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.serving.people.log import Log
from tests.runs import Run


def test_the_log_of_one_user_and_of_all_have_the_ratings_of_the_file(run: Run) -> None:
    dimensions = run.dimensions()
    log, table = Log(run.ratings, dimensions), pd.read_parquet(run.ratings)
    assert log.end == table["timestamp"].max()
    for user in range(len(dimensions.ids["users"])):
        expected = table.loc[table["user"] == user, ["movie", "rating", "label", "timestamp"]]
        for found in (log.of(user), Log(run.ratings, dimensions, user).of(user)):
            np.testing.assert_array_equal(np.column_stack(found), expected)


def test_the_log_of_another_run_is_refused(run: Run) -> None:
    dimensions = run.dimensions()
    lineage = dataclasses.replace(dimensions.lineage, ids="0" * 64)
    with pytest.raises(InputError, match="of different runs"):
        Log(run.ratings, dataclasses.replace(dimensions, lineage=lineage))


@pytest.mark.parametrize("before", [None, 10**9 + 300])
def test_histories_hold_what_people_interacted_with(run: Run, before: int | None) -> None:
    dimensions = run.dimensions()
    log = Log(run.ratings, dimensions)
    histories = log.histories(range(5, 9), before)
    assert (len(histories), histories.movies) == (4, len(dimensions.ids["movies"]))
    for place, user in enumerate(range(5, 9)):
        expected = log.of(user)
        if before is not None:
            assert 0 < (expected.seconds < before).sum() < len(expected.seconds)
            expected = expected.take(expected.seconds < before)
        history = histories[place : place + 1]
        assert history.movie.tolist() == expected.movie.tolist()
        assert history.seconds.tolist() == expected.seconds.tolist()
        scale = dimensions.vocabulary.rating_scale
        stars = scale.lowest + history.rating * (scale.highest - scale.lowest)
        np.testing.assert_allclose(stars, expected.stars)
