"""Scores any user with any movie, rated or not.

Shapes: B pairs, U users, M movies.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from torchrec import KeyedJaggedTensor

from recsys.common.errors import InputError
from recsys.common.rating_scale import Floats
from recsys.dataloader.tables import make_pairs
from recsys.models.checkpoint import load_checkpoint
from recsys.storage.registry import Feature
from recsys.storage.schemas import RAW_IDS
from recsys.tasks.predict import SCORING_BATCH
from recsys.tasks.task import make_task


class PairScorer:
    """The model of a checkpoint, with its users and movies.

    Args:
        checkpoint: the folder that train wrote.

    Attributes:
        userids, movieids: the published ids, ascending, long, [U], [M]; the numbers of the rows
            where own data has texts as ids
        known_users, known_movies: whether the training part has a rating of them, [U], [M]

    Raises:
        InputError: a file is missing, or the model has features that only rated pairs have.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.model, self.description, self.dimensions = load_checkpoint(checkpoint)
        self.model.eval()
        check_features(self.description.features, checkpoint)
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

    def find(self, table: str, ids: pa.Array) -> Tensor:
        """The rows of published ids in the users or movies table, [B]; its length for no row.

        Args:
            ids: of the type of the table's ids, [B]
        """
        known = self.dimensions.tables[table][RAW_IDS[table]].combine_chunks().cast(ids.type)
        rows = pc.index_in(ids, value_set=known).fill_null(len(known))
        return torch.from_numpy(rows.to_numpy().astype(np.int64))

    @torch.inference_mode()
    def score(self, users: Tensor, movies: Tensor) -> Floats:
        """Predictions in the task's unit, [B].

        Args:
            users, movies: rows of the tables; U or M for one that the table does not list, [B]
        """
        chunks = zip(users.split(SCORING_BATCH), movies.split(SCORING_BATCH), strict=True)
        return np.concatenate([self._score(*chunk) for chunk in chunks])

    def _score(self, users: Tensor, movies: Tensor) -> Floats:
        dense, values, lengths = self.pairs.inputs(users, movies)
        keys = list(self.description.embedding_rows)
        sparse = KeyedJaggedTensor(keys, values, lengths=lengths.flatten())
        return self.task.predictions(self.model(dense, sparse))


def as_integers(ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Ids as integers; texts become the numbers of their rows, which ascend as they do."""
    return np.arange(len(ids)) if ids.dtype == object else ids.astype(np.int64)


def check_features(features: tuple[Feature, ...], checkpoint: Path) -> None:
    """Check that no feature is computed for rated pairs only.

    Raises:
        InputError: some are.
    """
    if names := [feature.name for feature in features if feature.table == "ratings"]:
        raise InputError(
            f"{checkpoint} takes {', '.join(names)}, which the stage features computes only for "
            "rated pairs; train a model without them (params.yaml: features)"
        )
