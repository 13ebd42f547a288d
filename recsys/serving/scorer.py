"""Scores any user with any movie by an exported model; needs torch, NumPy and safetensors alone.

Each exported artifact holds a copy of this file and of the project's modules that it imports:

    sys.path.insert(0, "models/serving")
    from recsys.serving.scorer import Rated, Scorer
    Scorer(Path("models/serving")).score([1, 2], [260, 1196])

A model with features that come from ratings takes one user at a time, with their ratings:

    scorer.score([1, 1], [260, 1196], Rated([1, 2, 3], [5, 4, 2]))

Shapes: B pairs, R ratings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from recsys.dataloader.pairs import Pairs
from recsys.features.online import OnlineFeatures
from recsys.serving.artifact import read_artifact
from recsys.serving.ids import PublishedIds
from recsys.serving.network import Network
from recsys.serving.pair_network import PairNetwork


class Rated(NamedTuple):
    """The ratings of one person.

    Attributes:
        movieids: the published ids, [R]
        stars: [R]
        seconds: the times, in seconds since 1970, [R]; None for that of the data set's last rating
    """

    movieids: PublishedIds
    stars: Sequence[float]
    seconds: Sequence[int] | None = None


NOTHING = Rated([], [])


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: the folder that `recsys export` wrote. None of its data files is trusted: they are
            checked, and no code from them runs.

    Raises:
        ValueError: a file is missing, or is not as it was exported.
    """

    def __init__(self, folder: Path) -> None:
        description, weights, ids, features, movie_index, fitted = read_artifact(folder)
        self.users, self.movies = ids["users"], ids["movies"]
        self.online = OnlineFeatures(fitted) if fitted else None
        pairs = Pairs.from_tensors(description.features, features)
        self.model = PairNetwork(Network(description, weights), pairs, movie_index, self.online)

    def score(
        self,
        userids: PublishedIds,
        movieids: PublishedIds,
        rated: Rated = NOTHING,
        moment: int | None = None,
    ) -> Tensor:
        """Score user i with movie i. Ids that the data set does not have are scored as unknown.

        Args:
            userids, movieids: the published ids, [B]
            rated: all ratings of the user, for features that come from ratings.
            moment: the time of the scores, in seconds since 1970; None for just after the last
                rating. The movies' own ratings are known as at the end of the data set.

        Returns:
            the probabilities of a like, or of a regression the expected stars, [B]

        Raises:
            ValueError: the model has features that come from ratings, and the users differ or the
                time is not after the end of the data set.
        """
        users, movies = self.users.find(userids), self.movies.find(movieids)
        if self.online is None:
            return self.model.score(users, movies, None, None)
        if len(users.unique()) > 1:
            raise ValueError("this model takes the ratings of one user at a time")
        end = self.online.fitted.end
        listed = self.movies.find(rated.movieids).numpy()
        times = np.full(len(listed), end) if rated.seconds is None else np.array(rated.seconds)
        if moment is None:
            moment = int(max(times, default=end)) + 1
        if moment <= end:
            raise ValueError(f"the time {moment} is not after {end}, the end of the data set")
        user = np.full(len(listed), int(users[0]) if len(users) else 0)
        ratings = self.online.rate(user, listed, np.array(rated.stars, float), times)
        return self.model.score(users, movies, torch.full_like(movies, moment), ratings)
