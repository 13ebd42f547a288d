"""Scores any user with any movie, rated or not, at any time.

Shapes: B pairs, U users, M movies.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.common.rating_scale import Floats
from recsys.dataloader.tables import make_index, make_pairs
from recsys.features.online import LabelledRatings
from recsys.features.online_with_log import OnlineFeaturesWithLog
from recsys.models.checkpoint import Description, not_a_checkpoint, read_checkpoint
from recsys.serving.artifact.network import Network, forms_of, weight_forms
from recsys.serving.artifact.pair_network import PairNetwork
from recsys.serving.artifact.weights import describe, name_weights
from recsys.serving.catalogue import list_movies
from recsys.storage.schemas import RAW_IDS


class PairScorer:
    """The model of a checkpoint, with its users and movies and their ratings.

    Args:
        checkpoint: the folder that train wrote.
        features: the folder that the stage features wrote. Only a model with computed features
            needs it.
        threads: threads that compute features.

    Attributes:
        userids, movieids: the published ids, ascending, long, [U], [M]; the numbers of the rows
            where own data has texts as ids
        known_users, known_movies: whether the training part has a rating of them, [U], [M]
        store: computes the features that come from ratings; None if the model has none.

    Raises:
        InputError: a file is missing, damaged or edited, or the features belong to another run.
    """

    def __init__(self, checkpoint: Path, features: Path | None = None, threads: int = 1) -> None:
        weights, self.description, self.dimensions = read_checkpoint(checkpoint)
        self.userids, self.movieids = (
            torch.from_numpy(as_integers(self.dimensions.raw_ids(table)))
            for table in ("users", "movies")
        )
        self.known_users, self.known_movies = (
            torch.from_numpy(self.dimensions.training_ratings[table] > 0)
            for table in ("users", "movies")
        )
        self.store = load_store(checkpoint, self.description, features, threads)
        pairs = make_pairs(self.dimensions, self.description.features, with_missing=True)
        plain = describe(self.description, pairs, self.dimensions.vocabulary.rating_scale)
        self.weights = name_weights(weights)
        if forms_of(self.weights) != weight_forms(plain):
            raise not_a_checkpoint(checkpoint, ValueError("the weights do not fit model.json"))
        self.model = PairNetwork(
            Network(plain, self.weights),
            pairs,
            make_index(self.dimensions, "movies", with_missing=True),
            self.store,
        )
        self.plain = plain

    @property
    def past_only(self) -> bool:
        """Whether only ratings of an earlier second count at a time that somebody asks about.

        Features of a random split take all ratings, and a history must not know fewer: a rating
        that it lacks would be a feature of the movie's score.
        """
        return self.store is None or self.store.fitted.past_only

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """The movies in the order of their rows, from `list_movies`."""
        return list_movies(self.dimensions)

    def find(self, table: str, ids: pa.Array) -> Tensor:
        """The rows of published ids in the users or movies table, [B]; its length for no row.

        Args:
            ids: of the type of the table's ids, [B]
        """
        known = self.dimensions.tables[table][RAW_IDS[table]].combine_chunks().cast(ids.type)
        rows = pc.index_in(ids, value_set=known).fill_null(len(known))
        return torch.from_numpy(rows.to_numpy().astype(np.int64))

    def score(
        self,
        users: Tensor,
        movies: Tensor,
        seconds: Tensor | None = None,
        ratings: LabelledRatings | None = None,
    ) -> Floats:
        """Predictions in the task's unit, [B].

        Args:
            users, movies: rows of the tables; U or M for one that the table does not list, [B]
            seconds: the time of each prediction, in seconds since 1970, [B]; None for the second
                after the user's last rating. It has an effect on computed features only.
            ratings: all ratings of the users, for computed features; None for those in the log.
        """
        if self.store is not None:
            rows = users.numpy()
            if seconds is None:
                seconds = torch.from_numpy(self.store.default_as_of(rows))
            if ratings is None:
                ratings = self.store.ratings_of(np.unique(rows))
        return self.model.score(users, movies, seconds, ratings).numpy()


def load_store(
    checkpoint: Path, description: Description, features: Path | None, threads: int
) -> OnlineFeaturesWithLog | None:
    """What computes the features that come from ratings; None for a model without.

    Raises:
        InputError: a file is missing, was changed, or is of another run than the checkpoint.
    """
    names = [feature.name for feature in description.features if feature.table == "ratings"]
    if not names:
        return None
    if features is None:
        raise InputError(
            f"{checkpoint} takes {', '.join(names)}; name the folder that the stage features wrote"
        )
    return OnlineFeaturesWithLog.load(features, checkpoint, description.lineage, threads)


def as_integers(ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Ids as integers; texts become the numbers of their rows, which ascend as they do."""
    return np.arange(len(ids)) if ids.dtype == object else ids.astype(np.int64)
