"""Fits the retrieval model to ratings: exactly, or in a large catalogue by the nearest movies.

Shapes: N ratings.
"""

from typing import TYPE_CHECKING

import numpy as np

from recsys.common.arrays import Ints, Mask, Singles
from recsys.common.pair_hash import draw_rows
from recsys.retrieval.ease import fit_weights
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.model import RetrievalModel
from recsys.retrieval.nearest import fit_nearest
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.returning import find_returning
from recsys.storage.lineage import Lineage

if TYPE_CHECKING:
    # Slow to import, and not needed for every model.
    from recsys.retrieval.sequence.encoder import SequenceEncoder

# So many ratings of one person count for the weights. The time is up to this for each rating.
MAX_RATINGS = 10_000


def fit_retrieval_model(
    histories: UserHistories,
    counts: Ints,
    params: RetrievalParams,
    lineage: Lineage,
    encoder: "SequenceEncoder | None" = None,
) -> RetrievalModel:
    """Fit the weights of all movies with a rating in the histories.

    Args:
        histories: of the people that the model learns from.
        counts: the number of ratings of each movie, by everybody, [M]
        lineage: digests of the users and movies, and of the split.
        encoder: fitted to the same histories, for the model `sequence`.

    Raises:
        InputError: there are too many weights.
    """
    some = draw_ratings(histories)
    movies = np.unique(histories.movie[some]).astype(np.int32)
    place = np.searchsorted(movies, histories.movie[some])
    value = weigh_ratings(histories, params)[some]
    ratings = histories.person[some], place, value, params.damping
    most = params.exact_movies
    weights = (
        fit_weights(*ratings)
        if len(movies) <= most
        else fit_nearest(*ratings, params.neighbors, most)
    )
    returning = find_returning(histories, params.return_days) ** params.return_weight
    return RetrievalModel(movies, weights, counts, returning, params, lineage, encoder)


def draw_ratings(histories: UserHistories) -> Mask:
    """Whether each rating counts for the weights: at most `MAX_RATINGS` of each person do, [N]"""
    drawn = np.ones(len(histories.movie), bool)
    for person in np.flatnonzero(np.diff(histories.starts) > MAX_RATINGS):
        own = slice(*histories.starts[person : person + 2])
        rows = np.arange(own.stop - own.start)
        drawn[own] = np.isin(rows, draw_rows(rows, MAX_RATINGS, f"{person} retrieval"))
    return drawn


def weigh_ratings(histories: UserHistories, params: RetrievalParams) -> Singles:
    """What each rating counts in the regression, [N].

    The ratings of people with many of them count less, and so do those of few stars.
    """
    lengths = np.diff(histories.starts)
    # A person of average length counts 1, so the damping keeps its unit.
    person = (np.maximum(lengths, 1) / lengths[lengths > 0].mean()) ** -params.user_power
    stars = 1 - params.star_weight * (1 - histories.rating)
    value: Singles = (np.repeat(person, lengths) * stars).astype(np.float32)
    return value
