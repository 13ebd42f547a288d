import dataclasses

import numpy as np
import pandas as pd
import pytest

from recsys.common.errors import InputError
from recsys.serving.people.log import Log
from recsys.serving.people.person import read_ratings_of
from tests.runs import Run


def test_a_log_in_memory_gives_the_ratings_of_the_file(run: Run) -> None:
    dimensions = run.dimensions()
    log = Log(run.ratings, dimensions)
    for user in range(len(dimensions.raw_ids("users"))):
        pd.testing.assert_frame_equal(log.of(user), read_ratings_of(user, run.ratings))


def test_the_log_of_another_run_is_refused(run: Run) -> None:
    dimensions = run.dimensions()
    lineage = dataclasses.replace(dimensions.lineage, ids="0" * 64)
    with pytest.raises(InputError, match="of different runs"):
        Log(run.ratings, dataclasses.replace(dimensions, lineage=lineage))


def test_histories_hold_what_people_interacted_with(run: Run) -> None:
    dimensions = run.dimensions()
    log = Log(run.ratings, dimensions)
    histories = log.histories(range(5, 9))
    assert (len(histories), histories.movies) == (4, len(dimensions.raw_ids("movies")))
    for place, user in enumerate(range(5, 9)):
        rated = log.of(user)
        history = histories[place : place + 1]
        assert history.movie.tolist() == rated["movie"].tolist()
        assert history.seconds.tolist() == rated["timestamp"].tolist()
        stars = dimensions.vocabulary.rating_scale.denormalise(history.rating)
        np.testing.assert_allclose(stars, rated["rating"])
