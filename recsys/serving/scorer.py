"""Scores any user with any movie by an exported model; needs torch and safetensors alone.

Each exported artifact holds a copy of this file and of the project's modules that it imports:

    sys.path.insert(0, "models/serving")
    from recsys.serving.scorer import Scorer
    Scorer(Path("models/serving")).score([1, 2], [260, 1196])

Shapes: B pairs.
"""

from pathlib import Path

import torch
from torch import Tensor

from recsys.dataloader.pairs import Pairs
from recsys.serving.artifact import read_artifact
from recsys.serving.ids import PublishedIds
from recsys.serving.network import Network


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: the folder that `recsys export` wrote. None of its data files is trusted: they are
            checked, and no code from them runs.

    Raises:
        ValueError: a file is missing, or is not as it was exported.
    """

    def __init__(self, folder: Path) -> None:
        description, weights, ids, features = read_artifact(folder)
        self.users, self.movies = ids["users"], ids["movies"]
        self.pairs = Pairs.from_tensors(description.features, features)
        self.network = Network(description, weights)

    @torch.inference_mode()
    def score(self, userids: PublishedIds, movieids: PublishedIds) -> Tensor:
        """Score user i with movie i. Ids that the data set does not have are scored as unknown.

        Args:
            userids, movieids: the published ids, [B]

        Returns:
            the probabilities of a like, or of a regression the expected stars, [B]
        """
        users, movies = self.users.find(userids), self.movies.find(movieids)
        dense, sparse = self.pairs.dense_matrix(users, movies), self.pairs.bags(users, movies)
        return self.network(dense, sparse)
