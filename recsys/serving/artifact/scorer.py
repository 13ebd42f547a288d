"""Scores and recommends movies by an exported model; needs torch, NumPy and safetensors alone.

Each exported artifact holds a copy of this file and of the project's modules that it imports. The
artifact is a Python package. In the folder above it:

    from serving import Rated, Scorer
    scorer = Scorer()
    likes, stars = scorer.score([1, 2], [260, 1196])

A model with features that come from ratings takes one user at a time, with their ratings:

    scorer.score([1, 1], [260, 1196], Rated([1, 2, 3], [5, 4, 2]))

Any model recommends movies to a person with some ratings:

    scorer.recommend(None, Rated([1, 2, 3], [5, 4, 2]))

Shapes: B pairs, R ratings, k recommendations.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from recsys.common.arrays import find_best
from recsys.features.online import OnlineFeatures
from recsys.models.answers import Answers
from recsys.serving.artifact.files import read_artifact
from recsys.serving.pair_model import PairModel
from recsys.serving.recommend.ranking import Rows, join_factors

# The ids of a batch, [B].
PublishedIds = Sequence[int] | Sequence[str] | Tensor


class Rated(NamedTuple):
    """The ratings of one person.

    Attributes:
        movieids: the published ids, [R]
        stars: [R]
        seconds: the times, in seconds since 1970, [R]; None for the end of the data set
    """

    movieids: PublishedIds
    stars: Sequence[float]
    seconds: Sequence[int] | None = None


NOTHING = Rated([], [])
# Of an artifact that holds a copy of this file.
FOLDER = Path(__file__).parents[1]


class Recommended(NamedTuple):
    """The best movies for one person, best first.

    Attributes:
        movieids: the published ids, [k]
        scores: log retrieval score + w log P(like), [k]
        likes: P(like), [k]
        stars: the expected stars, [k]; None if the model has the label's threshold alone
    """

    movieids: list[int] | list[str]
    scores: list[float]
    likes: list[float]
    stars: list[float] | None


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: of the data files that `recsys export` wrote; by default, of the artifact that this
            code is part of. No code from the data files runs.

    Raises:
        ValueError: a file is missing, or was changed after the export.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        artifact = read_artifact(folder)
        self.users, self.movies = artifact.ids["users"], artifact.ids["movies"]
        self.retrieval = artifact.retrieval
        self.online = OnlineFeatures(artifact.fitted) if artifact.fitted else None
        self.model = PairModel(
            artifact.description,
            artifact.weights,
            artifact.features,
            artifact.movie_index,
            self.online,
        )
        # Nothing is known about movies without a training rating.
        self.known = artifact.movie_index[:-1].numpy() > 0

    def score(
        self,
        userids: PublishedIds,
        movieids: PublishedIds,
        rated: Rated = NOTHING,
        as_of: int | None = None,
    ) -> Answers:
        """The probability of a like and the expected stars of user i with movie i.

        Ids that the data set does not have are scored as unknown.

        Args:
            userids, movieids: the published ids, [B]
            rated: all ratings of the user, for features that come from ratings.
            as_of: the time of the scores, in seconds since 1970; None for just after the last
                rating. The movies' own ratings are known as at the end of the data set.

        Raises:
            ValueError: the model has features that come from ratings, and the users differ or the
                time is not after the end of the data set.
        """
        return self._score(self.users.find(userids), self.movies.find(movieids), rated, as_of)

    def recommend(
        self,
        userid: int | str | None,
        rated: Rated = NOTHING,
        top: int = 10,
        as_of: int | None = None,
    ) -> Recommended:
        """The best movies that a person has not rated, as `recsys recommend` ranks them.

        Args:
            userid: the published id; None for a new person.
            rated: all ratings of the person. Movies that the data set does not have are left out.
            top: k; there are fewer if no more movies are left.
            as_of: as for `score`. The retrieval takes all ratings, whatever their time.

        Raises:
            ValueError: the artifact was exported without the retrieval model, or as `score`.
        """
        if self.retrieval is None:
            raise ValueError("this artifact has no retrieval model; export without --scores-only")
        listed = self.movies.find(rated.movieids)
        history = np.unique(listed[listed < len(self.movies)])
        retrieval_scores = self.retrieval.score_all(history)[None]
        retrieval_scores[:, ~self.known] = -np.inf
        retrieval_scores[:, history] = -np.inf
        (rows,) = find_best(
            retrieval_scores, min(max(self.retrieval.candidates, top), retrieval_scores.shape[1])
        )
        (user,) = [len(self.users)] if userid is None else self.users.find([userid])
        answers = self._score(np.full(len(rows), user), rows, rated, as_of)
        scores = join_factors(
            retrieval_scores[:, rows], answers.likes[None], self.retrieval.like_weight
        )
        (best,) = find_best(scores, min(top, len(rows)))
        best = best[~np.isneginf(scores[0, best])]
        likes, stars = answers.take(best)
        return Recommended(
            self.movies.take(rows[best]),
            scores[0, best].tolist(),
            likes.tolist(),
            None if stars is None else stars.tolist(),
        )

    def _score(self, users: Rows, movies: Rows, rated: Rated, as_of: int | None) -> Answers:
        """As `score`, of rows of the tables."""
        pairs = torch.from_numpy(users), torch.from_numpy(movies)
        if self.online is None:
            return self.model.score(*pairs)
        if len(np.unique(users)) > 1:
            raise ValueError("this model takes the ratings of one user at a time")
        end = self.online.fitted.end
        listed = self.movies.find(rated.movieids)
        times = np.full(len(listed), end) if rated.seconds is None else np.array(rated.seconds)
        if as_of is None:
            as_of = int(max(times, default=end)) + 1
        if as_of <= end:
            raise ValueError(f"the time {as_of} is not after {end}, the end of the data set")
        user = np.full(len(listed), int(users[0]) if len(users) else 0)
        ratings = self.online.label_new_ratings(user, listed, np.array(rated.stars, float), times)
        return self.model.score(*pairs, torch.full_like(pairs[1], as_of), ratings)
