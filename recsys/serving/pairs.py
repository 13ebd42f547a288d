"""A checkpoint that scores any user with any movie, rated or not.

Shapes: B pairs, U users, M movies.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from torchrec import KeyedJaggedTensor

from recsys.common.errors import InputError
from recsys.common.rating_scale import Floats
from recsys.data.encoding import UNPUBLISHED_GENDER
from recsys.models.checkpoint import Description, load_checkpoint
from recsys.serving.scorer import USER_FEATURES, Pairs
from recsys.storage import schemas
from recsys.storage.parquet import read_column, read_parquet
from recsys.storage.registry import FeatureParams
from recsys.storage.vocabulary import UNKNOWN, Vocabulary
from recsys.tasks.task import make_task
from recsys.training.loop import SCORING_BATCH


class PairScorer:
    """A checkpoint with its users and movies.

    Args:
        checkpoint: the folder that train wrote.
        encoded: that of encode.
        train_part: the file that it learnt from, which says whom it knows.

    Attributes:
        known_users, known_movies: whether the training part has one of their ratings, [U], [M]

    Raises:
        InputError: a file is missing, they are of different runs, or the model asks for features
            that only rated pairs have.
    """

    def __init__(self, checkpoint: Path, encoded: Path, train_part: Path) -> None:
        self.model, self.description = load_checkpoint(checkpoint)
        self.model.eval()
        check_features(self.description.features, checkpoint)
        check_vocabulary(self.description, checkpoint, encoded)
        self.task = make_task(self.description.task, self.description.rating_scale)
        users = read_parquet(encoded / "users.parquet", schemas.USERS)
        movies = read_parquet(encoded / "movies.parquet", schemas.MOVIES)
        self.known_users = read_known(train_part, "user_row", len(users))
        self.known_movies = read_known(train_part, "movie_row", len(movies))
        known = {"userid": self.known_users, "movieid": self.known_movies}
        self.tables = make_tables(users, movies, known, self.description.features)
        self.pairs = Pairs(self.tables)

    @torch.inference_mode()
    def score(self, user_rows: Tensor, movie_rows: Tensor) -> Floats:
        """Predictions in the task's unit for rows that `Pairs.rows` gives, [B]."""
        chunks = zip(user_rows.split(SCORING_BATCH), movie_rows.split(SCORING_BATCH), strict=True)
        return np.concatenate([self._score(users, movies) for users, movies in chunks])

    def _score(self, user_rows: Tensor, movie_rows: Tensor) -> Floats:
        dense, values, lengths = self.pairs.inputs(user_rows, movie_rows)
        keys = list(self.pairs.features)
        sparse = KeyedJaggedTensor(keys, values, lengths=lengths.flatten())
        return self.task.predictions(self.model(dense, sparse))


def check_features(features: FeatureParams, checkpoint: Path) -> None:
    """Raises: InputError: some are made for rated pairs only."""
    if names := features.histories + features.statistics:
        raise InputError(
            f"{checkpoint} takes {', '.join(names)}, which the stage features computes for rated "
            "pairs and nothing computes for others; train a model without (params.yaml: features)"
        )


def check_vocabulary(description: Description, checkpoint: Path, encoded: Path) -> None:
    """Raises: InputError: the tables have other users, movies or categories than the model."""
    sizes = Vocabulary.load(encoded / "vocabulary.json").sizes
    for name, size in description.vocabulary_sizes.items():
        if sizes[name] != size:
            raise InputError(
                f"{checkpoint} has {size:,} embeddings of {name}, {encoded} asks for "
                f"{sizes[name]:,}: they are of different runs; run `dvc repro`"
            )


def make_tables(
    users: pa.Table, movies: pa.Table, known: dict[str, Tensor], features: FeatureParams
) -> dict[str, Tensor]:
    """What `serving.Pairs` takes.

    Of a user or movie without a training row the model knows no id, but the rest; of one that is
    not in the tables it knows nothing.

    Args:
        users, movies: with the columns of `schemas.USERS` and `schemas.MOVIES`.
        known: of userid and movieid, which have a training row, [U] and [M]
    """
    tables = {
        "userids": torch.tensor(users["raw_userid"].to_numpy()).long(),
        "movieids": torch.tensor(movies["raw_movieid"].to_numpy()).long(),
        "gender": torch.tensor([*users["gender"].to_pylist(), UNPUBLISHED_GENDER]),
    }
    for name in features.ordered:
        if name in ("userid", "movieid"):
            indices = torch.where(known[name], torch.arange(1, len(known[name]) + 1), UNKNOWN)
            values = torch.cat([indices, torch.tensor([UNKNOWN])])
            lengths = torch.ones(len(values))
        elif name == "genres":
            lists = movies["genres"].combine_chunks()
            values = torch.tensor(lists.flatten().to_numpy())
            lengths = torch.tensor([*lists.value_lengths().to_pylist(), 0])
        else:
            table = users if name in USER_FEATURES else movies
            values = torch.tensor(table[f"{name}_code"].to_numpy())
            lengths = torch.tensor([1] * len(values) + [0])
        tables |= {f"{name}.values": values.int(), f"{name}.lengths": lengths.int()}
    return tables


def read_known(train_part: Path, column: str, count: int) -> Tensor:
    """Which of so many users or movies the training part has a rating of, bool, [count].

    Args:
        column: user_row or movie_row.
    """
    known = torch.zeros(count, dtype=torch.bool)
    known[torch.from_numpy(read_column(train_part, schemas.PART, column)).long()] = True
    return known
