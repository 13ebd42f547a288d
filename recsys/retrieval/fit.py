"""Fits the retrieval model to ratings: exactly, or in a large catalogue by the nearest movies."""

from typing import TYPE_CHECKING

import numpy as np

from recsys.retrieval.ease import fit_weights
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.model import RetrievalModel
from recsys.retrieval.nearest import fit_nearest
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.trend import find_trend
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
        histories: of all users, in the training part.
        lineage: digests of the users and movies, and of the split.
        encoder: fitted to the same histories, for the model `sequence`.

    Raises:
        InputError: there are too many weights.
    """
    counts = np.bincount(histories.movie, minlength=histories.movies)
    movies = np.flatnonzero(counts).astype(np.int32)
    user, place = histories.person, np.searchsorted(movies, histories.movie)
    most = params.exact_movies
    weights = (
        fit_weights(user, place, params.damping)
        if len(movies) <= most
        else fit_nearest(user, place, params.damping, params.neighbors, most)
    )
    trend = find_trend(histories, params.trend_days) ** params.trend_weight
    return RetrievalModel(movies, weights, counts, trend, params, lineage, encoder)
