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

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask
from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.gaussian_process.kalman import predict_rows
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import RatingLog


def fit_and_predict(
    log: RatingLog, values: Floats, content: Floats, params: GaussianProcessParams
) -> tuple[Floats, Floats, GaussianProcess]:
    """Predict the value of each row from the rows that are visible to it.

    A training row is predicted with factors that were learnt from the other folds. Factors learnt
    from the row itself would make the predictions of the training part better than the others.

    Args:
        values: stars or labels, [N]
        content: columns that describe the movies, one of them constant, [M, C]

    Returns:
        the mean and the standard deviation of each prediction, [N], and the process that was learnt
        from the whole training part, which predicts all rows outside of the training part
    """
    is_context = log.is_context
    fold = draw_folds(log, params)
    mean, deviation = np.empty(len(values)), np.empty(len(values))
    for number in range(params.folds + 1):
        targets = log.training & (fold == number) if number < params.folds else ~log.training
        learnt = log.training & ~targets
        # With very few users, one fold can contain all of them and leave no rows to learn from.
        process = learn_factors(
            log, values, learnt if learnt.any() else log.training, content, params
        )
        rows = rows_to_filter(log, targets, is_context)
        means, deviations = predict_rows(
            process,
            log.user[rows],
            log.movie[rows],
            log.seconds[rows],
            values[rows],
            is_context[rows],
            log.past_only,
            params.threads,
        )
        take = targets[rows]
        mean[rows[take]], deviation[rows[take]] = means[take], deviations[take]
    return mean, deviation, process


def draw_folds(log: RatingLog, params: GaussianProcessParams) -> Ints:
    """Draw a fold for each row, [N]. If only the past is visible, a user's rows share a fold."""
    random = np.random.default_rng(params.seed)
    count = int(log.user.max()) + 1 if log.past_only else len(log.user)
    folds: Ints = random.integers(0, params.folds, count)
    return folds[log.user] if log.past_only else folds


def rows_to_filter(log: RatingLog, targets: Mask, is_context: Mask) -> Ints:
    """The targets and the context of their users, as rows sorted by user, then time."""
    users = np.bincount(log.user, targets) > 0
    order = log.by_user.order
    return order[((targets | is_context) & users[log.user])[order]]
