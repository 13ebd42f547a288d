"""Drawn negatives know nothing of what is later."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.negatives import NEVER, Pool, draw_negatives, make_pool
from recsys.data.params import SplitParams
from recsys.data.splitting import Pairs
from tests.pairs import assign_all

USERS, ITEMS = 30, 40
METHODS = ("random", "chronological", "leave_last")


def make_positives(count: int = 500, seed: int = 0) -> Pairs:
    """Different pairs in the order of time; the items come one after the other."""
    random = np.random.default_rng(seed)
    users, items = np.divmod(random.choice(USERS * ITEMS, count, replace=False), ITEMS)
    seconds = 10 * items + random.integers(0, 200, count)
    order = np.lexsort([items, users, seconds])
    raw_ids = {"users": 3 * np.arange(USERS), "movies": 5 * np.arange(ITEMS)}
    return Pairs(users[order], items[order], seconds[order], raw_ids)


def pool_of(pairs: Pairs, assignment: np.ndarray, method: str) -> Pool:
    training = np.bincount(pairs.movie[assignment == 0], minlength=ITEMS)
    first = np.full(ITEMS, NEVER)
    np.minimum.at(first, pairs.movie, pairs.seconds)
    return make_pool(training, first, method != "random")


def draw(pairs: Pairs, method: str, count: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The positives and the negatives, each with user, movie, seconds and part."""
    params = SplitParams(method=method, min_history=1, train=0.6, validation=0.2, test=0.2, seed=1)
    assignment = assign_all(pairs, params)
    drawn = draw_negatives(pairs, assignment, pool_of(pairs, assignment, method), count, seed=1)
    positives = pd.DataFrame(
        {"user": pairs.user, "movie": pairs.movie, "seconds": pairs.seconds, "part": assignment}
    )
    return positives, positives.iloc[drawn.positive].assign(movie=drawn.movie)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 4])
def test_each_positive_gets_up_to_count_negatives(method: str, count: int) -> None:
    positives, negatives = draw(make_positives(), method, count)
    assert (positives["part"] == -1).any()
    assert (negatives["part"] >= 0).all()
    given = negatives.groupby(negatives.index).size()
    assert given.max() == count
    assert len(negatives) > 0.3 * count * (positives["part"] >= 0).sum()
    assert not negatives.duplicated(["user", "movie", "part"]).any()


@pytest.mark.parametrize("method", ["chronological", "leave_last"])
def test_no_item_is_drawn_before_its_first_interaction(method: str) -> None:
    positives, negatives = draw(make_positives(), method)
    first = positives.groupby("movie")["seconds"].min()
    assert (negatives["seconds"].to_numpy() >= first[negatives["movie"]].to_numpy()).all()


def test_of_a_random_split_only_items_with_a_training_positive_are_drawn() -> None:
    pairs = make_positives(80)
    positives, negatives = draw(pairs, "random")
    known = set(positives[positives["part"] == 0]["movie"])
    assert set(negatives["movie"]) <= known < set(positives["movie"])


@pytest.mark.parametrize("method", METHODS)
def test_no_earlier_positive_is_drawn_but_a_later_one_may_be(method: str) -> None:
    positives, negatives = draw(make_positives(), method)
    both = negatives.merge(positives, on=["user", "movie"], suffixes=("", "_positive"))
    clock = "part" if method == "random" else "seconds"
    assert (both[clock] < both[f"{clock}_positive"]).all()
    # The negatives of the training part tell nothing about the test part.
    assert ((both["part"] == 0) & (both["part_positive"] == 2)).any()


@pytest.mark.parametrize("method", ["chronological", "leave_last"])
def test_draws_do_not_depend_on_later_interactions(method: str) -> None:
    pairs = make_positives()
    positives, negatives = draw(pairs, method)
    end = len(pairs.user) // 2
    start = Pairs(pairs.user[:end], pairs.movie[:end], pairs.seconds[:end], pairs.raw_ids)
    assignment = positives["part"].to_numpy()[:end]
    pool = pool_of(start, assignment, method)
    again = draw_negatives(start, assignment, pool, 3, seed=1)
    # Of a second that goes on behind the end, not all items are known.
    certain = pairs.seconds[again.positive] < pairs.seconds[end]
    expected = negatives[negatives["seconds"] < pairs.seconds[end]]
    assert again.movie[certain].tolist() == expected["movie"].tolist()
    assert again.positive[certain].tolist() == expected.index.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_draws_are_uniform_over_the_known_items(method: str) -> None:
    """Over many seeds, an item that a user never had is drawn as often as any other."""
    pairs = make_positives(60)
    positives, _ = draw(pairs, method)
    assignment = positives["part"].to_numpy()
    row = int(np.flatnonzero(assignment == 2)[-1])
    follows_time, every = method != "random", pool_of(pairs, assignment, method)
    drawn: list[int] = []
    for seed in range(300):
        found = draw_negatives(pairs, assignment, every, 3, seed)
        drawn += found.movie[found.positive == row].tolist()
    if follows_time:
        pool = set(pairs.movie[pairs.seconds <= pairs.seconds[row]])
        before = pairs.seconds <= pairs.seconds[row]
    else:
        pool, before = set(pairs.movie[assignment == 0]), assignment <= 2
    pool -= set(pairs.movie[(pairs.user == pairs.user[row]) & before])
    assert set(drawn) <= pool
    counts = np.bincount(drawn, minlength=ITEMS)[sorted(pool)]
    expected = counts.sum() / len(pool)
    assert expected > 10
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
