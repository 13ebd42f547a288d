"""Scores any user with any movie by an exported model; needs nothing but torch and FBGEMM.

Each exported artifact holds a copy of this file and of the project's modules that it imports:

    sys.path.insert(0, "models/serving")
    from recsys.serving.scorer import Scorer
    Scorer(Path("models/serving")).score([1, 2], [260, 1196])

Shapes: B pairs.
"""

from collections.abc import Sequence
from pathlib import Path

import fbgemm_gpu  # noqa: F401  (registers the kernel of the embedding tables)
import torch
from torch import Tensor

from recsys.dataloader.pairs import Pairs, find_rows

MODEL, TABLES = "model.pt2", "tables.pt"


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: the folder that `recsys export` wrote.
    """

    def __init__(self, folder: Path) -> None:
        tables = torch.load(folder / TABLES, weights_only=True)
        self.userids, self.movieids = tables.pop("userids"), tables.pop("movieids")
        self.pairs = Pairs.from_tensors(tables)
        self.model = torch.export.load(folder / MODEL).module()

    @torch.inference_mode()
    def score(self, userids: Sequence[int] | Tensor, movieids: Sequence[int] | Tensor) -> Tensor:
        """Score user i with movie i. Ids that the data set does not have are scored as unknown.

        Args:
            userids, movieids: the published ids, [B]

        Returns:
            the probabilities of a like, or of a regression the expected stars, [B]
        """
        users, movies = find_rows(userids, self.userids), find_rows(movieids, self.movieids)
        scores: Tensor = self.model(*self.pairs.inputs(users, movies))
        return scores
