"""Scores of any user with any movie from an exported artifact; torch and FBGEMM are all it needs.

Each artifact holds a copy of this file and of the modules of this project that it imports:

    sys.path.insert(0, "models/serving")
    from recsys.serving.scorer import Scorer
    Scorer(Path("models/serving")).score([1, 2], [260, 1196])

Shapes: B pairs.
"""

from collections.abc import Sequence
from pathlib import Path

import fbgemm_gpu  # noqa: F401  (has the kernel of the embedding tables)
import torch
from torch import Tensor

from recsys.dataloader.pairs import Pairs, find_rows

MODEL, TABLES = "model.pt2", "tables.pt"


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: what `recsys export` wrote.
    """

    def __init__(self, folder: Path) -> None:
        tables = torch.load(folder / TABLES, weights_only=True)
        self.userids, self.movieids = tables.pop("userids"), tables.pop("movieids")
        self.pairs = Pairs.from_tensors(tables)
        self.model = torch.export.load(folder / MODEL).module()

    @torch.inference_mode()
    def score(self, userids: Sequence[int] | Tensor, movieids: Sequence[int] | Tensor) -> Tensor:
        """Score user i with movie i; an id that is not known is scored as "unknown".

        Args:
            userids, movieids: as published, [B]

        Returns:
            probabilities of a like, of a regression the stars expected; [B]
        """
        users, movies = find_rows(userids, self.userids), find_rows(movieids, self.movieids)
        scores: Tensor = self.model(*self.pairs.inputs(users, movies))
        return scores
