"""The sums that a row receives are over the visible ratings of its movie in all partitions."""

from pathlib import Path

import numpy as np
import pytest

from recsys.features.batch.movie_exchange import MovieExchange
from tests.logs import MOVIES, LogPartitions, OneProcess, make_log, some_rows, visible_rows


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("past_only", [False, True])
def test_sums_are_over_the_visible_ratings_of_the_movie(
    past_only: bool, count: int, tmp_path: Path
) -> None:
    log = make_log(past_only)
    log = some_rows(log, np.lexsort([log.movie, log.seconds, log.user]))
    ends = np.searchsorted(log.user, np.arange(count + 1) * (log.user[-1] + 1) // count)
    partitions = LogPartitions(log, log.part, ends)
    every = [partitions.read(number) for number in partitions.numbers]
    exchange = MovieExchange(tmp_path, partitions.numbers, MOVIES, past_only)
    totals = [exchange.send(each, [each.log.stars]) for each in every]
    exchange = exchange.finish(OneProcess(), totals)
    found = np.concatenate([exchange.receive(each, [each.log.stars])[0] for each in every])
    for row in range(len(log.movie)):
        assert found[row] == log.stars[visible_rows(log, log.movie, row)].sum()
    everything = np.bincount(log.movie, log.stars * log.is_context, MOVIES)
    np.testing.assert_array_equal(exchange.totals[0], everything)
