"""Predicts each user's opinions of the rated movies by a Gaussian process whose factors are learnt.

`recsys.features.posterior` describes the process, `factors` learns it, and `kalman` predicts.

Shapes: N ratings, M movies, C content columns.
"""

import numpy as np

from recsys.features.factors import learn_factors
from recsys.features.kalman import predict_rows
from recsys.features.params import GaussianProcessParams
from recsys.features.posterior import Floats, GaussianProcess, Ints
from recsys.features.visibility import Mask, RatingLog


def fit_and_predict(
    log: RatingLog, target: Floats, content: Floats, params: GaussianProcessParams
) -> tuple[Floats, Floats, GaussianProcess]:
    """Learn the process from the training part, and predict each row from its visible ratings.

    The factors that predict a training row are learnt from the other folds. Factors that were
    learnt from the row itself would make the predictions of the training part too good, compared
    with those of the other parts.

    Args:
        target: stars or labels, [N]
        content: columns that describe the movies, one of them constant, [M, C]

    Returns:
        the mean and the standard deviation of each prediction, [N]; the process that was learnt
        from the whole training part
    """
    order = log.by_user.order
    user, movie, seconds = log.user[order], log.movie[order], log.seconds[order]
    values, observed = target[order], log.observed[order]

    def learn(learnt: Mask, first: GaussianProcess | None = None) -> GaussianProcess:
        return learn_factors(
            log.user[learnt], log.movie[learnt], target[learnt], content, params, first
        )

    whole = learn(log.training)
    fold = draw_folds(log, params)
    mean, deviation = np.empty(len(target)), np.empty(len(target))
    for number in range(params.folds + 1):
        wanted = log.training & (fold == number) if number < params.folds else ~log.training
        learnt = log.training & ~wanted
        # With very few users, one fold can contain all of them and leave no rows to learn from.
        is_fold = number < params.folds and learnt.any()
        process = learn(learnt, whole) if is_fold else whole
        # Users without a wanted row need no filter.
        some = np.bincount(log.user, wanted)[user] > 0
        found = predict_rows(
            process,
            user[some],
            movie[some],
            seconds[some],
            values[some],
            observed[some],
            log.past_only,
            params.threads,
        )
        rows = order[some]
        take = wanted[rows]
        mean[rows[take]], deviation[rows[take]] = (numbers[take] for numbers in found)
    return mean, deviation, whole


def draw_folds(log: RatingLog, params: GaussianProcessParams) -> Ints:
    """Draw a fold for each row, [N]. If only the past is visible, a user's rows share a fold."""
    random = np.random.default_rng(params.seed)
    count = int(log.user.max()) + 1 if log.past_only else len(log.user)
    folds: Ints = random.integers(0, params.folds, count)
    return folds[log.user] if log.past_only else folds
