"""Scores and recommends movies by an exported model; needs torch, NumPy and safetensors alone.

Each exported artifact holds a copy of this file and of the project's modules that it imports:

    sys.path.insert(0, "models/serving")
    from recsys.serving.artifact.scorer import Rated, Scorer
    Scorer(Path("models/serving")).score([1, 2], [260, 1196])

A model with features that come from ratings takes one user at a time, with their ratings:

    scorer.score([1, 1], [260, 1196], Rated([1, 2, 3], [5, 4, 2]))

Any model recommends movies to somebody with some ratings:

    scorer.recommend(None, Rated([1, 2, 3], [5, 4, 2]))

Shapes: B pairs, R ratings, k recommendations.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from recsys.dataloader.pairs import Pairs
from recsys.features.online import OnlineFeatures
from recsys.serving.artifact.files import read_artifact
from recsys.serving.artifact.ids import PublishedIds
from recsys.serving.artifact.network import Network
from recsys.serving.artifact.pair_network import PairNetwork
from recsys.serving.recommend.ranking import find_best, join_factors


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


class Recommended(NamedTuple):
    """The best movies for one person, best first.

    Attributes:
        movieids: the published ids, [k]
        scores: log retrieval score + w log P(like), [k]
        likes: P(like), or of a regression the expected stars, [k]
    """

    movieids: list[int] | list[str]
    scores: list[float]
    likes: list[float]


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: the folder that `recsys export` wrote. None of its data files is trusted: they are
            checked, and no code from them runs.

    Raises:
        ValueError: a file is missing, or is not as it was exported.
    """

    def __init__(self, folder: Path) -> None:
        artifact = read_artifact(folder)
        description, weights, ids, features, movie_index, fitted, self.retrieval = artifact
        self.users, self.movies = ids["users"], ids["movies"]
        self.online = OnlineFeatures(fitted) if fitted else None
        pairs = Pairs.from_tensors(description.features, features)
        self.model = PairNetwork(Network(description, weights), pairs, movie_index, self.online)
        # Nothing is known about the others.
        self.known = movie_index[:-1].numpy() > 0
        self.lowest = description.scale[0] if description.scale else 0

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
        return self._score(self.users.find(userids), self.movies.find(movieids), rated, moment)

    def recommend(
        self,
        userid: int | str | None,
        rated: Rated = NOTHING,
        top: int = 10,
        moment: int | None = None,
    ) -> Recommended:
        """The best movies that somebody has not rated, as `recsys recommend` ranks them.

        Args:
            userid: the published id; None for a new person.
            rated: all ratings of the person. Movies that the data set does not have are left out.
            top: k; there are fewer if no more movies are left.
            moment: as for `score`. The retrieval takes all ratings, whatever their time.

        Raises:
            ValueError: the artifact was exported without the retrieval model, or as `score`.
        """
        if self.retrieval is None:
            raise ValueError("this artifact has no retrieval model; export without --scores-only")
        listed = self.movies.find(rated.movieids).numpy()
        history = np.unique(listed[listed < len(self.movies)])
        retrieval_scores = self.retrieval.score(history)[None]
        retrieval_scores[:, ~self.known] = -np.inf
        retrieval_scores[:, history] = -np.inf
        movies = find_best(
            retrieval_scores, min(max(self.retrieval.candidates, top), retrieval_scores.shape[1])
        )
        ids: Any = [userid]
        user = torch.tensor(len(self.users)) if userid is None else self.users.find(ids)
        rows = torch.from_numpy(movies[0])
        likes = self._score(user.expand(len(rows)), rows, rated, moment).numpy()
        scores = join_factors(
            retrieval_scores[:, movies[0]], likes[None], self.retrieval.like_weight, self.lowest
        )
        (best,) = find_best(scores, min(top, len(rows)))
        best = best[~np.isneginf(scores[0, best])]
        return Recommended(
            self.movies.take(movies[0, best]), scores[0, best].tolist(), likes[best].tolist()
        )

    def _score(self, users: Tensor, movies: Tensor, rated: Rated, moment: int | None) -> Tensor:
        """As `score`, of rows of the tables."""
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
        ratings = self.online.label_new_ratings(user, listed, np.array(rated.stars, float), times)
        return self.model.score(users, movies, torch.full_like(movies, moment), ratings)
