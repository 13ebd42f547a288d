"""What is known of each movie beside its ratings: the codes of its features, such as genres.

Shapes: M movies, E codes of all movies.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from recsys.storage.vocabulary import Vocabulary


class MovieContent(NamedTuple):
    """The codes of the movies' features: jagged, as one vocabulary.

    Attributes:
        codes: of one movie after the other, from 0, [E]
        starts: the first code of each movie, and E, [M + 1]
        weights: of n codes of one feature, each counts 1 / sqrt(n), [E]
        size: the number of different codes.
    """

    codes: Tensor
    starts: Tensor
    weights: Tensor
    size: int


def no_content(movies: int) -> MovieContent:
    """Of movies without features."""
    starts = torch.zeros(movies + 1, dtype=torch.int64)
    return MovieContent(torch.zeros(0, dtype=torch.int64), starts, torch.zeros(0), 0)


def read_content(movies: pa.Table, vocabulary: Vocabulary) -> MovieContent:
    """The coded features of all movies: MovieLens's genres and periods; all of own data.

    Args:
        movies: the table of `vocabulary.schema("movies")`.
    """
    owners, codes, weights, size = [], [], [], 0
    for feature in vocabulary.features:
        if feature.table == "movies" and feature.kind != "dense":
            lists = movies[feature.column].to_pylist()
            values = [row if isinstance(row, list) else [row] for row in lists]
            lengths = np.array([len(row) for row in values])
            owners.append(np.repeat(np.arange(len(values)), lengths))
            codes.append(size + np.array([code for row in values for code in row], np.int64))
            weights.append(np.repeat(np.maximum(lengths, 1) ** -0.5, lengths))
            size += len(vocabulary.names[feature.name])
    if not owners:
        return no_content(len(movies))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(owner, minlength=len(movies))))
    return MovieContent(
        torch.from_numpy(np.concatenate(codes)[order]),
        torch.from_numpy(starts),
        torch.from_numpy(np.concatenate(weights)[order].astype(np.float32)),
        size,
    )
