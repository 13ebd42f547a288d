"""A Gaussian process that predicts a user's rating of a movie from the user's other ratings.

A user's noise-free ratings, less the movies' means, are one draw from a process over movies and
time. The covariance of two of them has two terms. The first is the similarity of the movies, which
fades in part with the time between the two ratings. The second is the user's moods, which pass:

    cov(i, j) = v_i . v_j (lasting + (1 - lasting) exp(-|t_i - t_j| / fading_days))
                + sum over moods of variance exp(-|t_i - t_j| / days)

The factors v of the movies are learnt from the training part (`factors`). Given the factors, a
user's posterior is exact. The process has a state-space form. So filters and smoothers compute the
posterior in time linear in the ratings (`kalman`), or one rating at a time (`posterior`).

A training row is predicted with factors that were learnt from the other folds. Factors learnt from
the row itself would make the predictions of the training part better than the others. In the same
way, a row of a random split has a prior mean from its user's rows in the other folds. Rows outside
of the training part are predicted with factors learnt from all folds.

Shapes: N rows of some users, R training rows of a sample of the users, M movies, C content columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from recsys.common.arrays import Floats, Ints, Mask, Singles
from recsys.common.pair_hash import draw_rows, hash_rows, to_fractions
from recsys.features.gaussian_process.co_ratings import find_co_ratings
from recsys.features.gaussian_process.factors import learn_factors
from recsys.features.gaussian_process.kalman import predict_rows
from recsys.features.gaussian_process.posterior import GaussianProcess
from recsys.features.params import GaussianProcessParams
from recsys.features.visibility import RatingLog


class Sample(NamedTuple):
    """The training rows of a sample of the users.

    Attributes:
        user: the number of the user in the sample, [R]
        movie, fold: [R]
        targets: stars or labels by name, [R] each
    """

    user: Ints
    movie: Ints
    fold: Ints
    targets: dict[str, Singles]

    @classmethod
    def join(cls, parts: Iterable["Sample"]) -> "Sample":
        *columns, targets = zip(*parts, strict=True)
        user, movie, fold = map(np.concatenate, columns)
        named = {name: np.concatenate([each[name] for each in targets]) for name in targets[0]}
        return cls(user, movie, fold, named)

    @property
    def only_fold(self) -> int | None:
        """The fold that has all rows, if one has; only a very small sample has one."""
        return int(self.fold[0]) if (self.fold == self.fold[0]).all() else None


def draw_folds(log: RatingLog, row: Ints, params: GaussianProcessParams) -> Ints:
    """The fold of each row by a hash, [N]. If only the past is visible, a user's rows share one.

    Args:
        row: the key of each row, [N]
    """
    keys = hash_rows(log.user if log.past_only else row, f"{params.seed} folds")
    return (to_fractions(keys) * params.folds).astype(np.int8)


def draw_people(users: int, params: GaussianProcessParams) -> Mask:
    """Whether each user is in the sample, [users]: the `params.people` users of lowest hash."""
    is_drawn = np.zeros(users, bool)
    is_drawn[draw_rows(np.arange(users), params.people, f"{params.seed} people")] = True
    return is_drawn


def take_sample(
    log: RatingLog,
    row: Ints,
    targets: Mapping[str, Floats],
    is_drawn: Mask,
    params: GaussianProcessParams,
) -> Sample:
    """The training rows of those users of a log that are in the sample.

    Args:
        row: the key of each row, [N]
        targets: stars or labels by name, [N] each
        is_drawn: whether each user is in the sample.
    """
    rows = np.flatnonzero(log.training & is_drawn[log.user])
    number = (np.cumsum(is_drawn) - 1).astype(np.int32)
    return Sample(
        number[log.user[rows]],
        log.movie[rows],
        draw_folds(log, row, params)[rows],
        {name: values[rows].astype(np.float32) for name, values in targets.items()},
    )


def learn_processes(
    sample: Sample, users: int, content: Floats, params: GaussianProcessParams
) -> Iterator[tuple[str, int, GaussianProcess]]:
    """Learn the processes of each fold from the other folds, then those of all folds.

    Args:
        users: the number of users in the sample.
        content: columns that describe the movies, one of them constant, [M, C]

    Yields:
        the name of the target, the fold, and the process; the fold `params.folds` is for the rows
        outside of the training part
    """
    for fold in range(params.folds + 1):
        learnt = learnt_from(sample.fold, fold, sample.only_fold)
        user, movie = sample.user[learnt], sample.movie[learnt]
        co_ratings = find_co_ratings(user, movie, users, len(content))
        for name, target in sample.targets.items():
            values = target[learnt].astype(float)
            yield name, fold, learn_factors(user, movie, values, content, co_ratings, params)


def learnt_from(folds: Ints, fold: int, only_fold: int | None) -> Mask:
    """Whether the process of a fold is learnt from each training row, [N].

    Args:
        folds: the fold of each row, [N]
    """
    # With very few users, one fold can contain all of them and leave no rows to learn from.
    return np.full(len(folds), True) if fold == only_fold else folds != fold


class Prediction(NamedTuple):
    """The mean and the deviation of the prediction of each row, [N]."""

    mean: Floats
    deviation: Floats


def predict(
    log: RatingLog,
    row: Ints,
    targets: Mapping[str, Floats],
    load: Callable[[str, int], GaussianProcess],
    only_fold: int | None,
    params: GaussianProcessParams,
) -> dict[str, Prediction]:
    """Predict the targets of each row from the rows that are visible to it.

    A user outside of the sample is predicted as those in it are: by the same folds.

    Args:
        row: the key of each row, [N]
        targets: stars or labels by name, [N] each
        load: gives the process of a target and a fold, from `learn_processes`.
        only_fold: of the sample.
    """
    folds, count = draw_folds(log, row, params), len(row)
    found = {name: Prediction(np.empty(count), np.empty(count)) for name in targets}
    for fold in range(params.folds + 1):
        wanted = log.training & (folds == fold) if fold < params.folds else ~log.training
        in_prior = log.training & learnt_from(folds, fold, only_fold)
        rows = rows_to_filter(log, wanted)
        take = wanted[rows]
        for name, values in targets.items():
            mean, deviation = predict_rows(
                load(name, fold),
                log.user[rows],
                log.movie[rows],
                log.seconds[rows],
                values[rows],
                log.is_context[rows],
                log.past_only,
                params.threads,
                in_prior=in_prior[rows],
            )
            found[name].mean[rows[take]] = mean[take]
            found[name].deviation[rows[take]] = deviation[take]
    return found


def rows_to_filter(log: RatingLog, wanted: Mask) -> Ints:
    """The wanted rows and the context of their users, as rows sorted by user, then time."""
    order, users = log.by_user.order, log.by_user.groups
    is_needed = np.bincount(users, wanted) > 0
    return order[((wanted | log.is_context) & is_needed[users])[order]]
