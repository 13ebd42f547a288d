"""A Gaussian process that predicts a user's rating of a movie from the user's other ratings.

A user's noise-free ratings, less the movies' means, are one draw from a process over movies and
time. The covariance of two of them has two terms. The first is the similarity of the movies, which
fades in part with the time between the two ratings. The second is the user's moods, which pass:

    cov(i, j) = v_i . v_j (lasting + (1 - lasting) exp(-|t_i - t_j| / fading_days))
                + sum over moods of variance exp(-|t_i - t_j| / days)

The factors v of the movies are learnt from the training part (`factors`). Given the factors, a
user's posterior is exact. The process has a state-space form. So filters and smoothers compute the
posterior in time linear in the ratings (`kalman`), or one rating at a time (`posterior`).

Shapes: N ratings, M movies, C content columns.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask
from recsys.features.gaussian_process.co_ratings import find_co_ratings
from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.gaussian_process.kalman import predict_rows
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import RatingLog


class Predictions(NamedTuple):
    """What the processes of all folds predict.

    Attributes:
        mean, deviation: of the prediction of each row, [N]
        process: learnt from the whole training part. It predicts all rows outside of it.
    """

    mean: Floats
    deviation: Floats
    process: GaussianProcess


def fit_and_predict(
    log: RatingLog, targets: Mapping[str, Floats], content: Floats, params: GaussianProcessParams
) -> dict[str, Predictions]:
    """Predict the targets of each row from the rows that are visible to it.

    A training row is predicted with factors that were learnt from the other folds. Factors learnt
    from the row itself would make the predictions of the training part better than the others. In
    the same way, a row of a random split has a prior mean from its user's rows in the other folds.

    Args:
        targets: stars or labels by name, [N] each
        content: columns that describe the movies, one of them constant, [M, C]

    Returns:
        the predictions by the name of the target
    """
    fold = draw_folds(log, params)
    users, count = int(log.user.max()) + 1, len(log.user)
    means, deviations = ({name: np.empty(count) for name in targets} for _ in range(2))
    processes: dict[str, GaussianProcess] = {}
    for number in range(params.folds + 1):
        wanted = log.training & (fold == number) if number < params.folds else ~log.training
        learnt = log.training & ~wanted
        # With very few users, one fold can contain all of them and leave no rows to learn from.
        learnt = learnt if learnt.any() else log.training
        co_ratings = find_co_ratings(log.user[learnt], log.movie[learnt], users, len(content))
        rows = rows_to_filter(log, wanted)
        take = wanted[rows]
        for name, values in targets.items():
            process = learn_factors(log, values, learnt, content, co_ratings, params)
            mean, deviation = predict_rows(
                process,
                log.user[rows],
                log.movie[rows],
                log.seconds[rows],
                values[rows],
                log.is_context[rows],
                log.past_only,
                params.threads,
                in_prior=learnt[rows],
            )
            means[name][rows[take]], deviations[name][rows[take]] = mean[take], deviation[take]
            processes[name] = process
    return {name: Predictions(means[name], deviations[name], processes[name]) for name in targets}


def draw_folds(log: RatingLog, params: GaussianProcessParams) -> Ints:
    """Draw a fold for each row, [N]. If only the past is visible, a user's rows share a fold."""
    random = np.random.default_rng(params.seed)
    count = int(log.user.max()) + 1 if log.past_only else len(log.user)
    folds: Ints = random.integers(0, params.folds, count)
    return folds[log.user] if log.past_only else folds


def rows_to_filter(log: RatingLog, wanted: Mask) -> Ints:
    """The wanted rows and the context of their users, as rows sorted by user, then time."""
    users = np.bincount(log.user, wanted) > 0
    order = log.by_user.order
    return order[((wanted | log.is_context) & users[log.user])[order]]
