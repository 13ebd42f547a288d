"""Ranking metrics by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys.evaluation.params import RankingParams
from recsys.evaluation.ranking import (
    catalogue_metrics,
    intervals,
    list_popular,
    metrics_by_gap,
    per_user_metrics,
    ranking_metrics,
    tabulate_recommendations,
)

# Three people, lists of three movies of six.
LISTS = np.array([[0, 1, 2], [3, 4, -1], [5, 0, 1]])
# Hits at places 2 and 3 of four relevant movies; no hit; a hit at place 1, the only relevant movie.
RELEVANT = csr_matrix(np.array([[0, 1, 1, 1, 0, 1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]))
# The third person has rated all movies but the last.
HISTORIES = csr_matrix(np.array([[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0]]))
RATINGS = np.array([8, 4, 2, 1, 1, 1])


def test_a_person_is_a_row_with_the_list_and_its_metrics() -> None:
    scores = np.where(LISTS >= 0, -1.5, -np.inf)
    table = tabulate_recommendations(np.array([4, 7, 9]), LISTS, scores, RELEVANT)
    assert table["user"].tolist() == [4, 7, 9]
    assert [row.tolist() for row in table["movies"]] == [[0, 1, 2], [3, 4], [5, 0, 1]]
    assert [len(row) for row in table["scores"]] == [3, 2, 3]
    assert table["recall"].tolist() == [0.5, 0, 1]


def test_metrics_equal_those_of_rectools_and_lenskit() -> None:
    """The values that RecTools 0.19.0 and LensKit 2025.8.1 gave for the same lists.

    - NDCG: RecTools with divide_by_achievable=True, LensKit with LogRankWeight(offset=1). The best
      list has min(k, relevant) hits. RecTools' default divides by the gain of k hits. LensKit's
      default discounts by log2(max(place, 2)), as Jarvelin & Kekalainen do.
    - Recall: RecTools divides by all relevant movies, as here. LensKit divides by min(k, relevant):
      2 / 3 for the first person, who has four.
    - HitRate and MRR of RecTools, Hit and RecipRank of LensKit are the same.
    - RecTools' CatalogCoverage counts the movies; its novelty (MeanInvUserFreq) takes the fraction
      of the users. Here it is the fraction of the ratings, which adds log2(ratings / users).
    """
    lists = np.array([[0, 1, 2], [3, 4, 5], [5, 0, 1], [2, 3, 0]])
    relevant = csr_matrix(
        np.array([[0, 1, 1, 1, 0, 1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 0, 0, 0]])
    )
    expected = {
        # By hand, the first is (1 / log2(3) + 1 / log2(4)) / (1 + 1 / log2(3) + 1 / log2(4)).
        "ndcg": [0.5307212739772434, 0, 1, 0.9197207891481876],
        "recall": [0.5, 0, 1, 1],
        "hit_rate": [1, 0, 1, 1],
        "mrr": [0.5, 0, 1, 1],
    }
    found = per_user_metrics(lists, relevant)
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name])
    together = catalogue_metrics(lists, RATINGS)
    assert together["coverage"] == 6 / 6
    # Eight users gave the 17 ratings.
    assert together["novelty"] == pytest.approx(1.75 + np.log2(17 / 8))


def test_the_first_row_of_the_catalogue_is_no_hit_behind_a_short_list() -> None:
    """The end of a short list is -1, which is not movie 0."""
    found = per_user_metrics(np.array([[-1, -1, -1]]), csr_matrix(np.array([[1, 0, 0, 0, 0, 0]])))
    assert [values.tolist() for values in found.values()] == [[0], [0], [0], [0]]


def test_metrics_of_all_lists_by_hand() -> None:
    found = catalogue_metrics(LISTS, RATINGS)
    assert found["coverage"] == 1
    assert found["popularity"] == pytest.approx((8 + 4 + 2 + 1 + 1 + 1 + 8 + 4) / 8)


def test_overlap_and_novelty_by_hand() -> None:
    lists = np.array([[0, 1], [0, 2], [0, 1]])
    found = catalogue_metrics(lists, np.array([8, 4, 4, 0]))
    # Of the six ordered pairs of people, two share two movies and four share one, of two each.
    assert found["overlap"] == pytest.approx((2 * 2 + 4 * 1) / (6 * 2))
    # Fractions of 1/2, 1/4, 1/2, 1/4, 1/2 and 1/4.
    assert found["novelty"] == pytest.approx((1 + 2 + 1 + 2 + 1 + 2) / 6)
    # The last movie has no training rating, and so no chance to be recommended.
    assert found["coverage"] == 1


def test_slices_by_gap_contain_their_shortest_gap() -> None:
    gaps = np.array([0, 59, 1, 60, 86_399, 86_400, np.inf])
    found = metrics_by_gap({"ndcg": np.arange(7) / 8}, gaps)
    assert found == {
        "same_second": {"people": 1, "ndcg": 0},
        "under_a_minute": {"people": 2, "ndcg": 0.1875},
        "under_a_day": {"people": 2, "ndcg": 0.4375},
        "a_day_or_more": {"people": 1, "ndcg": 0.625},
    }
    assert list(metrics_by_gap({"ndcg": np.ones(1)}, np.array([7.0]))) == ["under_a_minute"]


def test_popular_movies_leave_out_the_history() -> None:
    assert list_popular(RATINGS, HISTORIES, 3).tolist() == [[1, 2, 3], [0, 1, 2], [5, -1, -1]]

    # Nothing is known about movies without a training rating, so they are never recommended.
    assert list_popular(np.array([0, 3, 0]), csr_matrix((1, 3)), 3).tolist() == [[1, -1, -1]]


def test_intervals_contain_the_mean_and_shrink_with_more_people() -> None:
    random = np.random.default_rng(1)
    few, many = random.random(50), random.random(5_000)
    (low, high), (lowest, highest) = (
        intervals({"ndcg": values}, 200, seed=1)["ndcg"] for values in (few, many)
    )
    assert low < few.mean() < high
    assert lowest < many.mean() < highest
    assert highest - lowest < (high - low) / 5
    assert round(low, 4) == low
    # 1.96 standard errors on both sides.
    assert highest - lowest == pytest.approx(2 * 1.96 * many.std() / np.sqrt(5_000), rel=0.2)


def test_all_metrics_stand_beside_those_of_popular_movies() -> None:
    params = RankingParams(top=3, relevant="likes", bootstrap=0, seed=1)
    plain = ranking_metrics(LISTS, HISTORIES, RELEVANT, RATINGS, params)
    assert (plain["recall"], plain["hit_rate"]) == (0.5, 0.66667)
    # The lists are those of the test above: three hits of four, one of one and one of one.
    assert plain["popular"] == {"ndcg": 1, "recall": 0.91667, "hit_rate": 1, "mrr": 1}
    assert not plain.keys() & {"gaps", "intervals"}
    gaps = np.array([0.0, 10.0, 10.0**6])
    resampled = params.model_copy(update={"bootstrap": 20})
    full = ranking_metrics(LISTS, HISTORIES, RELEVANT, RATINGS, resampled, gaps)
    people = per_user_metrics(LISTS, RELEVANT)
    assert full == {
        **plain,
        "gaps": metrics_by_gap(people, gaps),
        "intervals": intervals(people, 20, seed=1),
    }
