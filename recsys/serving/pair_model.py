"""The model that scores: from pairs of users and movies to predictions.

Every exported artifact holds a copy of this file, so it imports torch, NumPy and other copies.

Shapes: B pairs, U users, M movies.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recsys.dataloader.jagged import Lists
from recsys.dataloader.pair_features import PairFeatures
from recsys.features.online import LabelledRatings, OnlineFeatures, Queries
from recsys.models.answers import Answers, read_answers
from recsys.models.description import Description
from recsys.models.network import Network
from recsys.models.plain_tables import PlainTables

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


class PairModel(nn.Module):
    """Scores any user with any movie at any time, with the weights of a checkpoint or an artifact.

    Args:
        weights: by their names in a checkpoint. Those of the tables may be of lower precision.
        pair_features: the features that are columns of the tables of users and movies.
        movie_index: the model's index of each movie and of an unknown one, [M + 1]
        online: computes the features that come from ratings; None if the model has none.

    Raises:
        RuntimeError: the weights do not fit the description.
    """

    def __init__(
        self,
        description: Description,
        weights: Mapping[str, Tensor],
        pair_features: PairFeatures,
        movie_index: Tensor,
        online: OnlineFeatures | None,
    ) -> None:
        super().__init__()
        self.description, self.heads, self.online = description, description.heads, online
        self.pair_features, self.movie_index = pair_features, movie_index
        architecture, tables = description.architecture, description.tables
        # On "meta" the layers take no memory. They take the given tensors.
        with torch.device("meta"):
            self.tables = PlainTables(
                description.embedding_rows,
                tables,
                architecture.embedding_dimension,
                architecture.pooling,
                has_ranges=any(name.endswith(".ranges") for name in weights),
            )
            self.network = Network(
                architecture,
                len(tables),
                len(description.dense_features),
                len(self.heads.thresholds),
            )
        self.load_state_dict(weights, assign=True)
        self.eval()

    @torch.inference_mode()
    def score(
        self,
        users: Tensor,
        movies: Tensor,
        as_of: Tensor | None = None,
        ratings: LabelledRatings | None = None,
    ) -> Answers:
        """The probability of a like and the expected stars of each pair.

        Args:
            users, movies: rows of the tables; U or M for one that the table does not list, [B]
            as_of: the times of the predictions, in seconds since 1970, [B]; None without computed
                features
            ratings: all ratings of the users; None without computed features
        """
        computed = self._compute(users, movies, as_of, ratings)
        logits = [torch.empty(0, len(self.heads.thresholds))]
        for rows in torch.arange(len(users)).split(BATCH):
            some = users[rows], movies[rows]
            bags = self.pair_features.bags(*some)
            bags |= {name: lists.take(rows) for name, lists in computed.histories.items()}
            dense = torch.cat([self.pair_features.dense(*some), computed.dense[rows]], dim=1)
            logits.append(self.network(dense, self.tables(bags)))
        return read_answers(torch.cat(logits), self.heads)

    def _compute(
        self,
        users: Tensor,
        movies: Tensor,
        as_of: Tensor | None,
        ratings: LabelledRatings | None,
    ) -> Computed:
        if self.online is None:
            return Computed(torch.empty(len(users), 0), {})
        assert as_of is not None
        assert ratings is not None
        queries = Queries(users.numpy(), movies.numpy(), as_of.numpy())
        dense, histories = self.online.compute(ratings, queries)
        lists = {
            name: Lists.from_lengths(
                self.movie_index[torch.from_numpy(listed)], torch.from_numpy(lengths).int()
            )
            for name, (listed, lengths) in histories.items()
        }
        return Computed(torch.from_numpy(dense), lists)
