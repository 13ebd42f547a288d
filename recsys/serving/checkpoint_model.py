"""The model of a checkpoint with its users, movies and ratings; scores any pair at any time.

Shapes: B pairs, U users, M movies.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recsys.common.errors import InputError
from recsys.dataloader.tables import load_pair_features, make_index
from recsys.features.online import LabelledRatings
from recsys.features.online_with_log import OnlineFeaturesWithLog
from recsys.models.answers import Answers
from recsys.models.checkpoint import Checkpoint, read_checkpoint
from recsys.serving.pair_model import PairModel


class CheckpointModel(PairModel):
    """A `PairModel` that knows the users, the movies and their ratings.

    Args:
        folder: the checkpoint that train wrote.
        features: the folder that the stage features wrote. Only a model with computed features
            needs it.
        threads: threads that compute features.

    Attributes:
        dimensions: the users and movies.
        online: computes the features that come from ratings; None if the model has none.

    Raises:
        InputError: a file is missing, damaged or edited, or the features belong to another run.
    """

    online: OnlineFeaturesWithLog | None

    def __init__(self, folder: Path, features: Path | None = None, threads: int = 1) -> None:
        checkpoint = read_checkpoint(folder)
        dimensions = checkpoint.dimensions
        super().__init__(
            checkpoint.description,
            checkpoint.weights,
            load_pair_features(dimensions, checkpoint.features, with_unknown_row=True),
            make_index(dimensions, "movies", with_unknown_row=True),
            load_online_features(folder, checkpoint, features, threads),
        )
        self.dimensions = dimensions

    @property
    def past_only(self) -> bool:
        """Whether only ratings before the time of a question count for its answer.

        Features of a random split take all ratings. So a history must have all of them, too: the
        movie of a missing one could be recommended, with its own rating among its features.
        """
        return self.online is None or self.online.fitted.past_only

    def score(
        self,
        users: Tensor,
        movies: Tensor,
        as_of: Tensor | None = None,
        ratings: LabelledRatings | None = None,
    ) -> Answers:
        """As `PairModel.score`, but the log has the times and ratings that are not given.

        Args:
            as_of: None for the second after each user's last rating.
            ratings: all ratings of the users; None for those in the log.
        """
        if self.online is not None:
            rows = users.numpy()
            if as_of is None:
                as_of = torch.from_numpy(self.online.default_as_of(rows))
            if ratings is None:
                ratings = self.online.ratings_of(np.unique(rows))
        return super().score(users, movies, as_of, ratings)


def load_online_features(
    folder: Path, checkpoint: Checkpoint, features: Path | None, threads: int
) -> OnlineFeaturesWithLog | None:
    """The features that come from ratings, for any question; None if the model has none.

    Raises:
        InputError: a file is missing, was changed, or is of another run than the checkpoint.
    """
    names = [feature.name for feature in checkpoint.features if feature.table == "ratings"]
    if not names:
        return None
    if features is None:
        raise InputError(
            f"{folder} takes {', '.join(names)}; name the folder that the stage features wrote"
        )
    return OnlineFeaturesWithLog.load(features, folder, checkpoint.lineage, threads)
