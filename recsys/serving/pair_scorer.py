"""Scores any user with any movie, rated or not, at any time.

Shapes: B pairs, U users, M movies.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from torchrec import KeyedJaggedTensor

from recsys.common.errors import InputError
from recsys.common.rating_scale import Floats
from recsys.dataloader.jagged import Lists
from recsys.dataloader.tables import make_index, make_pairs
from recsys.features.online import Queries, Ratings
from recsys.features.store import FeatureStore
from recsys.models.checkpoint import Description, load_checkpoint
from recsys.storage.schemas import RAW_IDS
from recsys.tasks.predict import SCORING_BATCH
from recsys.tasks.task import make_task


class Computed(NamedTuple):
    """The features of B pairs that come from ratings.

    Attributes:
        dense: [B, c]; c may be 0
        histories: by name.
    """

    dense: Tensor
    histories: dict[str, Lists]


class PairScorer:
    """The model of a checkpoint, with its users and movies and their ratings.

    Args:
        checkpoint: the folder that train wrote.
        features: the folder that the stage features wrote. A model without computed features does
            not need it.
        threads: threads that compute features.

    Attributes:
        userids, movieids: the published ids, ascending, long, [U], [M]; the numbers of the rows
            where own data has texts as ids
        known_users, known_movies: whether the training part has a rating of them, [U], [M]
        store: computes the features that come from ratings; None if the model has none.

    Raises:
        InputError: a file is missing, or the features belong to another run.
    """

    def __init__(
        self, checkpoint: Path, features: Path | None = None, threads: int = 1
    ) -> None:
        self.model, self.description, self.dimensions = load_checkpoint(checkpoint)
        self.model.eval()
        self.task = make_task(self.description.task, self.dimensions.vocabulary.rating_scale)
        self.userids, self.movieids = (
            torch.from_numpy(as_integers(self.dimensions.raw_ids(table)))
            for table in ("users", "movies")
        )
        self.known_users, self.known_movies = (
            torch.from_numpy(self.dimensions.training_ratings[table] > 0)
            for table in ("users", "movies")
        )
        self.pairs = make_pairs(self.dimensions, self.description.features, with_missing=True)
        self.movie_index = make_index(self.dimensions, "movies", with_missing=True)
        self.store = load_store(checkpoint, self.description, features, threads)

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
        ratings: Ratings | None = None,
    ) -> Floats:
        """Predictions in the task's unit, [B].

        Args:
            users, movies: rows of the tables; U or M for one that the table does not list, [B]
            seconds: the time of each prediction, in seconds since 1970, [B]; None for the second
                after the user's last rating. It has an effect on computed features only.
            ratings: all ratings of the users, for computed features; None for those in the log.
        """
        computed = self._compute(users, movies, seconds, ratings)
        return np.concatenate(
            [np.empty(0, np.float32)]
            + [
                self._score(users[rows], movies[rows], computed, rows)
                for rows in torch.arange(len(users)).split(SCORING_BATCH)
            ]
        )

    def _compute(
        self, users: Tensor, movies: Tensor, seconds: Tensor | None, ratings: Ratings | None
    ) -> Computed:
        if self.store is None:
            return Computed(torch.empty(len(users), 0), {})
        user, movie = users.numpy(), movies.numpy()
        moments = self.store.find_moments(user) if seconds is None else seconds.numpy()
        if ratings is None:
            ratings = self.store.ratings_of(np.unique(user))
        dense, histories = self.store.compute(ratings, Queries(user, movie, moments))
        lists = {
            name: Lists.from_lengths(
                self.movie_index[torch.from_numpy(movies)], torch.from_numpy(lengths).int()
            )
            for name, (movies, lengths) in histories.items()
        }
        return Computed(torch.from_numpy(dense), lists)

    @torch.inference_mode()
    def _score(self, users: Tensor, movies: Tensor, computed: Computed, rows: Tensor) -> Floats:
        bags = self.pairs.bags(users, movies)
        bags |= {name: lists.take(rows) for name, lists in computed.histories.items()}
        keys = list(self.description.embedding_rows)
        sparse = KeyedJaggedTensor(
            keys,
            torch.cat([bags[key].values for key in keys]),
            lengths=torch.cat([bags[key].lengths for key in keys]),
        )
        dense = torch.cat([self.pairs.dense_matrix(users, movies), computed.dense[rows]], dim=1)
        return self.task.predictions(self.model(dense, sparse))


def load_store(
    checkpoint: Path, description: Description, features: Path | None, threads: int
) -> FeatureStore | None:
    """What computes the features that come from ratings, if the model has any. Raises: InputError."""
    names = [feature.name for feature in description.features if feature.table == "ratings"]
    if not names:
        return None
    if features is None:
        raise InputError(
            f"{checkpoint} takes {', '.join(names)}: name the folder that the stage features wrote"
        )
    return FeatureStore.load(features, checkpoint, description.origin, threads)


def as_integers(ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Ids as integers; texts become the numbers of their rows, which ascend as they do."""
    return np.arange(len(ids)) if ids.dtype == object else ids.astype(np.int64)
