"""The sequence encoder: predicts a person's next movie from their movies so far and their times.

Each rating becomes a vector: the sum of the embeddings of its movie, its stars and the time since
the rating before. A movie's embedding is the sum of its own and those of its features, such as
genres. So movies of one genre are near each other from the start. Blocks mix the vectors of a
person from left to right. A block is a gated linear recurrence (De et al. 2024, "Griffin",
https://arxiv.org/abs/2402.19427; Feng et al. 2024, "Were RNNs all we needed?",
https://arxiv.org/abs/2410.01201) and a gated MLP. At the end, the time until the prediction is
mixed in. The logit of a movie is the dot product with its embedding, plus a bias.

The first row of each person is a start token, which stands for no rating. The rows of all people
follow each other, without padding.

Shapes: B people, R ratings, T = B + R rows, M movies, D numbers in a vector.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys.common.arrays import Ints, Singles
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import SequenceParams
from recsys.retrieval.sequence.content import MovieContent, no_content
from recsys.retrieval.sequence.scan import scan

# The width of the causal convolution of a block: a row and the rows before it.
WINDOW = 4
# Times between ratings are counted in powers of 2, in seconds, up to 34,000 years.
INTERVALS = 42


class Rows(NamedTuple):
    """The rows of some people.

    Attributes:
        starts: the first row of each person, and T, [B + 1]
        place: 0 for the first row of a person, 1 for the next one, ..., [T]
        movie: rows of the movies table, M for no rating, [T]
        rating: the stars, with the rating scale mapped to [0, 1], [T]
        before: the interval since the rating before, [T]
        after: the interval until the next rating or, at the end, the prediction, [T]
    """

    starts: Ints
    place: Tensor
    movie: Tensor
    rating: Tensor
    before: Tensor
    after: Tensor


def make_rows(histories: UserHistories, as_of: Ints | None = None) -> Rows:
    """The rows of some people.

    Args:
        as_of: the time of each person's prediction, in seconds since 1970, [B]; None for a second
            after the last rating.
    """
    begin = histories.starts[:-1]
    people, lengths = len(begin), np.diff(histories.starts)
    starts = np.append(0, np.cumsum(lengths + 1))
    # Intervals are counted from 1, and 0 stands for no rating.
    gaps = np.zeros(len(histories.movie) + 1, np.int64)
    gaps[1:-1] = np.diff(histories.seconds)
    gaps = 1 + np.log2(np.maximum(gaps, 0) + 1).astype(np.int64)
    gaps[begin] = 0
    before = np.insert(gaps[:-1], begin, 0)
    after = np.append(before[1:], 0)
    ends, some = starts[1:] - 1, lengths > 0
    wait = np.ones(people, np.int64)
    if as_of is not None:
        last = histories.seconds[histories.starts[1:][some] - 1]
        wait[some] = np.maximum(as_of[some] - last, 0)
    after[ends] = np.where(some, 1 + np.log2(wait + 1).astype(np.int64), 0)
    place = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths + 1)
    columns = (
        place,
        np.insert(histories.movie, begin, histories.movies).astype(np.int64),
        np.insert(histories.rating, begin, 0).astype(np.float32),
        before,
        after,
    )
    return Rows(starts, *map(torch.from_numpy, columns))


class Block(nn.Module):
    """Mixes the rows of each person: a gated linear recurrence, then a gated MLP on each row."""

    def __init__(self, dimension: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(dimension)
        # The weights of the convolution; at first, the row itself.
        self.window = nn.Parameter(
            functional.one_hot(torch.tensor(0), WINDOW)[:, None].float().repeat(1, dimension)
        )
        self.in_projection = nn.Linear(dimension, 3 * dimension)
        self.out_projection = nn.Linear(dimension, dimension)
        self.norm_rows = nn.RMSNorm(dimension)
        self.up = nn.Linear(dimension, 4 * dimension)
        self.down = nn.Linear(2 * dimension, dimension)
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():
            # Some states forget soon, and some hardly.
            self.in_projection.bias[:dimension] = torch.linspace(-1, 5, dimension)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """[T, D] -> [T, D]"""
        near = self._look_back(self.norm(x), rows.place)
        keep, new, gate = self.in_projection(near).chunk(3, dim=1)
        keep = torch.sigmoid(keep)
        state = scan(keep, (1 - keep) * new, rows.starts)
        x = x + self.dropout(self.out_projection(state * functional.silu(gate)))
        value, gate = self.up(self.norm_rows(x)).chunk(2, dim=1)
        return x + self.dropout(self.down(functional.silu(value) * gate))

    def _look_back(self, x: Tensor, place: Tensor) -> Tensor:
        """The causal convolution: weighted sums of each row and the rows before it, [T, D]"""
        total = x * self.window[0]
        for steps in range(1, min(WINDOW, len(x))):
            earlier = functional.pad(x[:-steps], (0, 0, steps, 0))
            total = total + earlier * (place >= steps)[:, None] * self.window[steps]
        return total


class SequenceEncoder(nn.Module):
    """The sequence encoder.

    Args:
        movies: M
        content: of the movies; None if they have no features.
    """

    content_codes: Tensor
    content_starts: Tensor
    content_weights: Tensor

    def __init__(
        self, movies: int, params: SequenceParams, content: MovieContent | None = None
    ) -> None:
        super().__init__()
        self.params = params
        dimension = params.dimension
        # The last row is the start token.
        self.movie = nn.Embedding(movies + 1, dimension)
        content = content or no_content(movies)
        self.content = nn.Embedding(content.size, dimension)
        for name in ("codes", "starts", "weights"):
            self.register_buffer(f"content_{name}", getattr(content, name))
        self.rating = nn.Linear(1, dimension)
        self.before = nn.Embedding(INTERVALS, dimension)
        self.after = nn.Embedding(INTERVALS, dimension)
        self.dropout = nn.Dropout(params.dropout)
        self.blocks = nn.ModuleList(Block(dimension, params.dropout) for _ in range(params.blocks))
        self.norm = nn.RMSNorm(dimension)
        self.time_in = nn.Linear(2 * dimension, 2 * dimension)
        self.time_out = nn.Linear(2 * dimension, dimension)
        self.bias = nn.Parameter(torch.zeros(movies))
        nn.init.normal_(self.movie.weight, std=1 / math.sqrt(dimension))
        nn.init.normal_(self.content.weight, std=0.05)
        for table in (self.before, self.after):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, rows: Rows) -> Tensor:
        """Encode each row and the person's rows before it, to predict the next movie, [T, D]"""
        x = self.embed(rows.movie) + self.rating(rows.rating[:, None]) + self.before(rows.before)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, rows)
        x = self.norm(x)
        timed = torch.cat([x, self.after(rows.after)], dim=1)
        return x + self.time_out(functional.silu(self.time_in(timed)))

    def embed(self, movies: Tensor) -> Tensor:
        """The embeddings of some movies, [m, D]

        Args:
            movies: rows of the movies table, M for no rating, [m]
        """
        # The start token is a movie without features: it begins where the last movie's codes end.
        content = functional.embedding_bag(
            self.content_codes,
            self.content.weight,
            self.content_starts,
            mode="sum",
            per_sample_weights=self.content_weights,
        )
        return functional.embedding(movies, self.movie.weight + content)

    def logits(self, encoded: Tensor, movies: Tensor) -> Tensor:
        """The logits of some movies.

        Args:
            encoded: rows of what `forward` returned, [T, D]
            movies: rows of the movies table, [m]

        Returns:
            [T, m]
        """
        return functional.linear(encoded, self.embed(movies), self.bias[movies])

    @torch.no_grad()
    def score_all(self, histories: UserHistories, as_of: Ints | None = None) -> Singles:
        """The logarithm of the probability that each movie comes next, [B, M]

        Args:
            histories: of B people
            as_of: as for `make_rows`, [B]
        """
        rows = make_rows(histories, as_of)
        encoded = self(rows)[rows.starts[1:] - 1]
        logits = self.logits(encoded, torch.arange(histories.movies))
        return logits.log_softmax(dim=1).numpy()

    def to_numbers(self) -> dict[str, npt.NDArray[Any]]:
        """The weights, and the codes of the movies' features, by name."""
        return {name: weight.numpy() for name, weight in self.state_dict().items()}

    @classmethod
    def from_numbers(
        cls, numbers: dict[str, npt.NDArray[Any]], params: SequenceParams
    ) -> "SequenceEncoder":
        """Load the arrays that `to_numbers` gave. Raises: RuntimeError: they do not fit."""
        state = {name: torch.from_numpy(x) for name, x in numbers.items()}
        codes, starts, weights = (state[f"content_{x}"] for x in ("codes", "starts", "weights"))
        content = MovieContent(codes, starts, weights, len(state["content.weight"]))
        encoder = cls(len(state["bias"]), params, content)
        encoder.load_state_dict(state)
        return encoder.eval()
