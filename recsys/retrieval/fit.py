"""Fits the exposure model to ratings: exactly, or in a large catalogue by the nearest movies."""

import numpy as np

from recsys.retrieval.ease import Ints, fit_weights
from recsys.retrieval.exposure import Exposure
from recsys.retrieval.nearest import fit_nearest
from recsys.retrieval.params import RetrievalParams
from recsys.retrieval.trend import find_trend
from recsys.storage.origin import Origin


def fit_exposure(
    user: Ints,
    movie: Ints,
    seconds: Ints,
    counts: Ints,
    params: RetrievalParams,
    origin: Origin,
) -> Exposure:
    """Fit the weights of all movies that somebody picked up.

    Args:
        user, movie: rows of the tables, of each rating, [N]
        seconds: the time of each rating, in seconds since 1970, [N]
        counts: the number of ratings of each movie, [M]
        origin: digests of the users and movies, and of the split.

    Raises:
        InputError: there are too many weights.
    """
    movies = np.flatnonzero(counts).astype(np.int32)
    place, most = np.searchsorted(movies, movie), params.exact_movies
    weights = (
        fit_weights(user, place, params.damping)
        if len(movies) <= most
        else fit_nearest(user, place, params.damping, params.neighbors, most)
    )
    trend = find_trend(movie, seconds, len(counts), params.trend_days) ** params.trend_weight
    return Exposure(movies, weights, counts, params, origin, trend)
