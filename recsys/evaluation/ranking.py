"""Metrics of lists of recommendations.

A list has the k movies that a person is recommended, best first. A movie is relevant if the person
interacted with it in the test part and, where likes count, liked it. Persons without a relevant
movie are left out.

Shapes: U people, M movies.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse

from recsys.evaluation.bootstrap import interval, resample_means
from recsys.evaluation.params import RankingParams
from recsys.scoring.metrics import Metrics, rounded

Lists = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
# The slices by the gap since a person's last rating, each up to but not including its seconds.
GAPS = {"same_second": 1, "under_a_minute": 60, "under_a_day": 86_400, "a_day_or_more": np.inf}


def per_user_metrics(lists: Lists, relevant: scipy.sparse.csr_matrix) -> dict[str, Floats]:
    """The metrics of each person's list, [U] each.

    Args:
        lists: rows of the movies table, -1 behind the end of a short list, [U, k]
        relevant: 1 for each relevant movie of a person, at least one each, [U, M]

    Returns:
        ndcg: the discounted gain, 1 / log2(1 + place) for each hit, over the gain of the best list,
        which has min(k, relevant) hits (Jarvelin & Kekalainen 2002, whose discount is
        1 / log2(max(2, place))); recall: the share of all relevant movies that is in the list;
        hit_rate: 1 if one of them is, else 0; mrr: 1 / place of the first hit, or 0
    """
    people, k = lists.shape
    rows = np.repeat(np.arange(people), k)
    hits = np.asarray(relevant[rows, np.maximum(lists, 0).ravel()]).reshape(people, k) > 0
    hits &= lists >= 0
    number = np.diff(relevant.indptr)
    gains = 1 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(gains)[np.minimum(number, k) - 1]
    some = hits.any(1)
    return {
        "ndcg": hits @ gains / best,
        "recall": hits.sum(1) / number,
        "hit_rate": some.astype(float),
        "mrr": np.where(some, 1 / (hits.argmax(1) + 1), 0.0),
    }


def catalogue_metrics(lists: Lists, ratings: npt.NDArray[np.integer]) -> Metrics:
    """What the lists of all people look like together.

    Args:
        lists: as for `per_user_metrics`, [U, k]
        ratings: the number of training ratings of each movie, [M]

    Returns:
        coverage: the share of the movies with a training rating that is in a list; popularity: the
        mean number of training ratings of a recommended movie; novelty: the mean of -log2 of its
        share of all training ratings; overlap: the mean share of a list that another person's list
        has too
    """
    listed = lists[lists >= 0]
    times = np.bincount(listed, minlength=len(ratings))
    people, k = lists.shape
    pairs = people * (people - 1)
    shares = ratings[listed] / ratings.sum()
    return {
        "coverage": float((times > 0).sum() / (ratings > 0).sum()),
        "popularity": float(ratings[listed].mean()),
        "novelty": float(-np.log2(shares).mean()),
        "overlap": float((times * (times - 1)).sum() / (pairs * k)) if pairs else None,
    }


def intervals(people: Mapping[str, Floats], samples: int, seed: int) -> dict[str, list[float]]:
    """The 95 % interval of each mean over people, by bootstrap.

    Args:
        people: metrics of each person, [U] each
        samples: the number of bootstrap samples.
    """
    means = resample_means(people, samples, seed)
    return {name: [round(end, 4) for end in interval(each)] for name, each in means.items()}


def metrics_by_gap(people: Mapping[str, Floats], gaps: Floats) -> dict[str, dict[str, object]]:
    """The means over the people of each slice of `GAPS`, and their number; no empty slices.

    A user of MovieLens rates the movies of a page one after the other. So short gaps measure the
    order of the movies on a page.

    Args:
        people: metrics of each person, [U] each
        gaps: the seconds from a person's last rating to the first one of the test part, [U];
            infinite for persons without an earlier rating, who are in no slice
    """
    slices = np.searchsorted(list(GAPS.values()), gaps, side="right")
    found: dict[str, dict[str, object]] = {}
    for place, name in enumerate(GAPS):
        some = slices == place
        if some.any():
            means = _means({metric: values[some] for metric, values in people.items()})
            found[name] = {"people": int(some.sum()), **means}
    return found


def list_popular(
    ratings: npt.NDArray[np.integer], histories: scipy.sparse.csr_matrix, top: int
) -> Lists:
    """For each person, the most popular movies that the person has not interacted with, [U, top]

    Movies without a training rating are in no list. A short list ends with -1, as in
    `per_user_metrics`.

    Args:
        ratings: the number of training ratings of each movie, [M]
        histories: 1 for each movie that a person interacted with, [U, M]
    """
    order = np.argsort(-ratings, kind="stable")[: np.count_nonzero(ratings)]
    lists = np.full((histories.shape[0], top), -1, np.int64)
    for person in range(len(lists)):
        own = histories.indices[histories.indptr[person] : histories.indptr[person + 1]]
        # At most len(own) of these are in the history, so `top` are left if there are as many.
        first = order[: top + len(own)]
        left = first[~np.isin(first, own)][:top]
        lists[person, : len(left)] = left
    return lists


def tabulate_recommendations(
    users: Lists,
    lists: Lists,
    scores: npt.NDArray[np.floating],
    relevant: scipy.sparse.csr_matrix,
) -> pd.DataFrame:
    """The columns of `schemas.RECOMMENDATIONS`.

    Args:
        users: rows of the users table, [U]
        lists, relevant: as for `per_user_metrics`.
        scores: of the movies in the lists, [U, k]
    """
    filled = lists >= 0
    return pd.DataFrame(
        {
            "user": users,
            "movies": [row[some] for row, some in zip(lists, filled, strict=True)],
            "scores": [row[some] for row, some in zip(scores, filled, strict=True)],
            **per_user_metrics(lists, relevant),
        }
    )


def ranking_metrics(
    lists: Lists,
    histories: scipy.sparse.csr_matrix,
    relevant: scipy.sparse.csr_matrix,
    ratings: npt.NDArray[np.integer],
    params: RankingParams,
    gaps: Floats | None = None,
) -> dict[str, object]:
    """All metrics of the lists, and the metrics of lists of the most popular movies.

    Args:
        lists, relevant: as for `per_user_metrics`.
        histories, ratings: as for `list_popular`.
        gaps: as for `metrics_by_gap`; without them there are no slices.
    """
    people = per_user_metrics(lists, relevant)
    found: dict[str, object] = {**_means(people), **rounded(catalogue_metrics(lists, ratings))}
    popular = list_popular(ratings, histories, params.top)
    found["popular"] = _means(per_user_metrics(popular, relevant))
    if gaps is not None:
        found["gaps"] = metrics_by_gap(people, gaps)
    if params.bootstrap:
        found["intervals"] = intervals(people, params.bootstrap, params.seed)
    return found


def _means(people: Mapping[str, Floats]) -> Metrics:
    return rounded({name: float(values.mean()) for name, values in people.items()})
