"""Fits the retrieval model to ratings: exactly, or in a large catalogue by the nearest movies.

Shapes: N ratings.
"""

from typing import TYPE_CHECKING

import numpy as np

from recsys.common.arrays import Singles
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


def fit_retrieval_model(
    histories: UserHistories,
    params: RetrievalParams,
    lineage: Lineage,
    encoder: "SequenceEncoder | None" = None,
) -> RetrievalModel:
    """Fit the weights of all movies with a rating in the training part.

    Args:
        histories: of all users, in the parts that the model learns from.
        lineage: digests of the users and movies, and of the split.
        encoder: fitted to the same histories, for the model `sequence`.

    Raises:
        InputError: there are too many weights.
    """
    counts = np.bincount(histories.movie, minlength=histories.movies)
    movies = np.flatnonzero(counts).astype(np.int32)
    place, value = np.searchsorted(movies, histories.movie), weigh_ratings(histories, params)
    ratings = histories.person, place, value, params.damping
    most = params.exact_movies
    weights = (
        fit_weights(*ratings)
        if len(movies) <= most
        else fit_nearest(*ratings, params.neighbors, most)
    )
    returning = find_returning(histories, params.return_days) ** params.return_weight
    return RetrievalModel(movies, weights, counts, returning, params, lineage, encoder)


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
