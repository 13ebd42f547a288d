"""The model with the features of its users and movies: from pairs to predictions.

Every exported artifact holds a copy of this file, so it imports torch, NumPy and other copies.

Shapes: B pairs, U users, M movies.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from recsys.dataloader.jagged import Lists
from recsys.dataloader.pairs import Pairs
from recsys.features.online import LabelledRatings, OnlineFeatures, Queries
from recsys.serving.artifact.network import Network

# Pairs that are scored at once.
BATCH = 16_384


class Computed(NamedTuple):
    """The features of B pairs that come from ratings.

    Attributes:
        dense: [B, c]; c may be 0
        histories: by name.
    """

    dense: Tensor
    histories: dict[str, Lists]


class PairNetwork:
    """Scores any user with any movie at any time.

    Args:
        pairs: the features of the tables.
        movie_index: the model's index of each movie and of an unknown one, [M + 1]
        online: computes the features that come from ratings; None if the model has none.
    """

    def __init__(
        self, network: Network, pairs: Pairs, movie_index: Tensor, online: OnlineFeatures | None
    ) -> None:
        self.network, self.pairs = network, pairs
        self.movie_index, self.online = movie_index, online

    @torch.inference_mode()
    def score(
        self, users: Tensor, movies: Tensor, seconds: Tensor | None, ratings: LabelledRatings | None
    ) -> Tensor:
        """Probabilities of a like, or of a regression stars, [B].

        Args:
            users, movies: rows of the tables; U or M for one that the table does not list, [B]
            seconds: the times of the predictions, in seconds since 1970, [B]; None without
                computed features
            ratings: all ratings of the users; None without computed features
        """
        computed = self._compute(users, movies, seconds, ratings)
        scores = [torch.empty(0)]
        for rows in torch.arange(len(users)).split(BATCH):
            some = users[rows], movies[rows]
            bags = self.pairs.bags(*some)
            bags |= {name: lists.take(rows) for name, lists in computed.histories.items()}
            dense = torch.cat([self.pairs.dense_matrix(*some), computed.dense[rows]], dim=1)
            scores.append(self.network(dense, bags))
        return torch.cat(scores)

    def _compute(
        self, users: Tensor, movies: Tensor, seconds: Tensor | None, ratings: LabelledRatings | None
    ) -> Computed:
        if self.online is None:
            return Computed(torch.empty(len(users), 0), {})
        assert seconds is not None
        assert ratings is not None
        queries = Queries(users.numpy(), movies.numpy(), seconds.numpy())
        dense, histories = self.online.compute(ratings, queries)
        lists = {
            name: Lists.from_lengths(
                self.movie_index[torch.from_numpy(listed)], torch.from_numpy(lengths).int()
            )
            for name, (listed, lengths) in histories.items()
        }
        return Computed(torch.from_numpy(dense), lists)
