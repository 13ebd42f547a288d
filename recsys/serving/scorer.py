"""Scores of any user with any movie from an exported model: torch and FBGEMM are all it needs.

Each artifact holds a copy of this file, so it imports nothing of the project:

    from serving import Scorer
    Scorer(Path("models/serving")).score([1, 2], [260, 1196])

Shapes: B pairs, F sparse features, N values of all their bags, U users, M movies.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import fbgemm_gpu  # noqa: F401  (has the kernel of the embedding tables)
import torch
from torch import Tensor

MODEL, TABLES = "model.pt2", "tables.pt"
# All others are of the movie.
USER_FEATURES = ("userid", "age", "occupation", "zip")


class Scorer:
    """An exported model with its users and movies.

    Args:
        folder: what `recsys.cli.export` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.pairs = Pairs(torch.load(folder / TABLES, weights_only=True))
        self.model = torch.export.load(folder / MODEL).module()

    @torch.inference_mode()
    def score(self, userids: Sequence[int] | Tensor, movieids: Sequence[int] | Tensor) -> Tensor:
        """Score user i with movie i; an id that is not known is scored as "unknown".

        Args:
            userids, movieids: as published, [B]

        Returns:
            probabilities of a like, of a regression the stars expected; [B]
        """
        ids = torch.as_tensor(userids).long(), torch.as_tensor(movieids).long()
        rows = self.pairs.rows(*ids)
        scores: Tensor = self.model(*self.pairs.inputs(*rows))
        return scores


class Feature(NamedTuple):
    """A list for each user or each movie.

    Attributes:
        values: the lists end to end, int32.
        starts, lengths: of each list, int32, [U + 1] or [M + 1]
        single: whether each list has one value.
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor
    single: bool

    @classmethod
    def of_lists(cls, values: Tensor, lengths: Tensor) -> "Feature":
        return cls(values, lengths.cumsum(0) - lengths, lengths, bool((lengths == 1).all()))

    def cut(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Values of some rows end to end, long, [N], and how many each has, int32, [B]."""
        lengths = self.lengths.index_select(0, rows)
        if self.single:
            return self.values.index_select(0, rows).long(), lengths
        # Of each list: where it starts in the table less where in the batch.
        shifts = self.starts.index_select(0, rows) - (lengths.cumsum(0) - lengths)
        places = torch.repeat_interleave(shifts, lengths)
        places += torch.arange(len(places))
        return self.values.index_select(0, places).long(), lengths


class Pairs:
    """Any user with any movie as model input.

    Args:
        tables: `userids`, [U], and `movieids`, [M], as published and ascending; `gender`, [U + 1];
            and of each sparse feature, in the model's order, `NAME.values` and `NAME.lengths` as in
            `Feature`. The last row, behind those with an id, is of one that is not known.
    """

    def __init__(self, tables: dict[str, Tensor]) -> None:
        self.userids, self.movieids = tables["userids"], tables["movieids"]
        self.gender = tables["gender"]
        self.features = {
            name.removesuffix(".values"): Feature.of_lists(
                values, tables[name.replace(".values", ".lengths")]
            )
            for name, values in tables.items()
            if name.endswith(".values")
        }

    def rows(self, userids: Tensor, movieids: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of users and of movies, U and M where the id is not known, [B]."""
        return find(userids, self.userids), find(movieids, self.movieids)

    def inputs(self, user_rows: Tensor, movie_rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Returns:
            dense features, [B, 1]; values of the sparse ones, feature after feature, [N]; how many
            each pair has, [F, B]
        """
        values, lengths = zip(
            *(
                feature.cut(user_rows if name in USER_FEATURES else movie_rows)
                for name, feature in self.features.items()
            ),
            strict=True,
        )
        dense = self.gender.index_select(0, user_rows).unsqueeze(-1)
        return dense, torch.cat(values), torch.stack(lengths)


def find(ids: Tensor, known: Tensor) -> Tensor:
    """The place of each id among ascending known ones; their number for one that is not there."""
    places = torch.searchsorted(known, ids).clamp_(max=len(known) - 1)
    return torch.where(known.index_select(0, places) == ids, places, len(known))
