"""The retrieval model as files, and what it says about people and movies.

Shapes: M movies, m movies with weights, B people, R movies of one person.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from safetensors.numpy import load_file, save_file

from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.retrieval.ease import Ints, Weights
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import RetrievalParams, SequenceParams
from recsys.storage.lineage import Lineage, digest, parse_lineage, require_same_run

if TYPE_CHECKING:
    # Slow to import, and not needed for every model.
    from recsys.retrieval.encoder import SequenceEncoder

DESCRIPTION, WEIGHTS, ENCODER = "retrieval.json", "retrieval.safetensors", "encoder.safetensors"
Scores = npt.NDArray[np.float32]
# A sum of weights is never less beside an encoder: its logarithm would be none.
LEAST_SCORE = 1e-4


class RetrievalModel:
    """Scores how likely people are to interact with movies, given their earlier movies.

    Somebody whose movies all have no weights, or who has none, gets the popular ones.

    Args:
        movies: the rows of the movies with weights, ascending, [m]
        weights: the weight of each of them, by row, in the score of another, by column; sparse if
            only the nearest ones have a weight, [m, m]
        ratings: the number of training ratings of each movie, [M]
        params: how recommendations use the scores.
        lineage: digests of the users and movies, and of the split.
        trend: what each movie's score is multiplied by, [M]; 1 if it is not given
        encoder: of user histories, if order, stars and times count, too.
    """

    def __init__(
        self,
        movies: Ints,
        weights: Weights | scipy.sparse.csr_matrix,
        ratings: Ints,
        params: RetrievalParams,
        lineage: Lineage,
        trend: npt.NDArray[np.floating] | None = None,
        encoder: "SequenceEncoder | None" = None,
    ) -> None:
        self.movies, self.ratings, self.params, self.lineage = movies, ratings, params, lineage
        self.weights = weights.astype(np.float32)
        self.trend: Scores = np.ones(len(ratings), np.float32)
        if trend is not None:
            self.trend = trend.astype(np.float32)
        self.encoder = encoder

    def score_all(
        self, histories: UserHistories, as_of: npt.NDArray[np.int64] | None = None
    ) -> Scores:
        """The scores of all movies for some people, [B, M]; higher is likelier.

        Unnormalised scores, possibly negative; in [0, 1] with an encoder, and 0 for the movies of
        the history.

        Args:
            histories: of B people
            as_of: the time of each question, in seconds since 1970, [B]; None for just after the
                last rating. It has an effect on a model with an encoder only.
        """
        scores = self._add_weights(histories.matrix())
        if self.encoder is None:
            return scores
        eased = np.log(np.maximum(scores, LEAST_SCORE))
        joined = self.encoder.score_all(histories, as_of) + self.params.ease_weight * eased
        # The encoder never learnt that what somebody interacted with does not come again.
        joined[histories.person, histories.movie] = -np.inf
        # The best movie gets 1, so that none of the good ones is too small for its logarithm.
        joined -= joined.max(axis=1, keepdims=True, initial=np.finfo(np.float32).min)
        shares: Scores = np.exp(joined)
        return shares

    def _add_weights(self, interacted: scipy.sparse.csr_matrix) -> Scores:
        """The sum of the weights of each person's movies, times the trend, [B, M]

        Args:
            interacted: 1 for each movie that a person interacted with, else 0, [B, M]
        """
        scores = np.zeros(interacted.shape, np.float32)
        scores[:, self.movies] = to_dense(interacted[:, self.movies] @ self.weights)
        # Nothing is known about the movies of these people.
        scores[~scores.any(axis=1)] = self.ratings / self.ratings.sum()
        scores *= self.trend
        return scores

    def find_reasons(self, history: Ints, movie: int, top: int) -> Ints:
        """The movies of a person that weigh most in the score of a movie, at most `top`.

        Args:
            history, movie: rows of the movies table, [R]
        """
        place = np.searchsorted(self.movies, movie)
        known = history[np.isin(history, self.movies)]
        if movie not in self.movies or not len(known):
            return known[:0]
        weights = to_dense(self.weights[np.searchsorted(self.movies, known), place]).ravel()
        best = np.argsort(-weights, kind="stable")[:top]
        reasons: Ints = known[best[weights[best] > 0]]
        return reasons

    def find_similar(self, movie: int) -> Scores:
        """How much each movie and this one say about each other: the mean of both weights, [M]"""
        similar = np.zeros(len(self.ratings), np.float32)
        if movie in self.movies:
            place = np.searchsorted(self.movies, movie)
            row, column = self.weights[place], self.weights[:, place]
            similar[self.movies] = (to_dense(row).ravel() + to_dense(column).ravel()) / 2
        return similar

    def to_numbers(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the model: `weights`, or if they are sparse their CSR form."""
        weights = self.weights
        numbers: dict[str, npt.NDArray[Any]] = {
            "movies": self.movies.astype(np.int32),
            "ratings": self.ratings.astype(np.int32),
            "trend": self.trend,
        }
        if isinstance(weights, np.ndarray):
            return numbers | {"weights": weights.astype(np.float16)}
        values = weights.data.astype(np.float16)
        return numbers | {"starts": weights.indptr, "columns": weights.indices, "values": values}

    def compare(self, movies: Ints, others: Ints) -> Scores:
        """How much pairs of movies say about each other, as `find_similar`; 0 for one without.

        Args:
            movies, others: rows of the movies table, of shapes that broadcast.
        """
        place = np.full(len(self.ratings), -1)
        place[self.movies] = np.arange(len(self.movies))
        first, second = np.broadcast_arrays(place[movies], place[others])
        there, back = self.weights[first, second], self.weights[second, first]
        mean = (to_dense(there) + to_dense(back)) / 2
        compared: Scores = np.where((first >= 0) & (second >= 0), mean, np.float32(0))
        return compared

    def save(self, folder: Path) -> None:
        """Write the weights, and a description with their digest."""
        with atomic_write(folder) as partial:
            partial.mkdir()
            save_file(self.to_numbers(), partial / WEIGHTS)
            content = {"lineage": asdict(self.lineage), "params": self.params.model_dump()}
            if self.encoder is not None:
                save_file(self.encoder.to_numbers(), partial / ENCODER)
                content["sequence"] = self.encoder.params.model_dump()
            files = [path for path in (partial / WEIGHTS, partial / ENCODER) if path.exists()]
            content["files"] = {path.name: _digest_file(path) for path in files}
            (partial / DESCRIPTION).write_text(json.dumps(content, indent=2) + "\n")
            for path in files:
                # safetensors makes a file that only its owner can read.
                path.chmod((partial / DESCRIPTION).stat().st_mode)

    @classmethod
    def load(cls, folder: Path, other: Path, lineage: Lineage) -> "RetrievalModel":
        """Read what `save` wrote.

        Args:
            other: the folder of the users and movies that the weights have to fit.
            lineage: their digests.

        Raises:
            InputError: a file is missing, was changed, or belongs to another run.
        """
        try:
            content = json.loads((folder / DESCRIPTION).read_text())
            known = parse_lineage(folder, content["lineage"], "split")
            require_same_run(folder, known, other, lineage)
            for name in (WEIGHTS, *([ENCODER] if "sequence" in content else [])):
                if _digest_file(folder / name) != content["files"][name]:
                    raise ValueError(f"{name} was changed")
            numbers, encoder = load_file(folder / WEIGHTS), None
            if "sequence" in content:
                from recsys.retrieval.encoder import SequenceEncoder

                section = SequenceParams(**content["sequence"])
                encoder = SequenceEncoder.from_numbers(load_file(folder / ENCODER), section)
            return cls(
                numbers["movies"],
                read_weights(numbers),
                numbers["ratings"],
                RetrievalParams(**content["params"]),
                known,
                numbers["trend"],
                encoder,
            )
        except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
            raise InputError(
                f"{folder} is no retrieval model ({error}); restore it with `dvc checkout`, or run "
                "`dvc repro retrieve`"
            ) from error


def read_weights(numbers: dict[str, npt.NDArray[Any]]) -> Weights | scipy.sparse.csr_matrix:
    """The weights that `RetrievalModel.to_numbers` gave."""
    if "weights" in numbers:
        return numbers["weights"]
    movies = len(numbers["movies"])
    # SciPy multiplies no half precision.
    parts = numbers["values"].astype(np.float32), numbers["columns"], numbers["starts"]
    return scipy.sparse.csr_matrix(parts, (movies, movies))


def to_dense(weights: Any) -> Scores:
    """An array, or a part of a sparse matrix, as an array."""
    return weights.toarray() if scipy.sparse.issparse(weights) else np.asarray(weights)


def _digest_file(path: Path) -> str:
    return digest(np.frombuffer(path.read_bytes(), np.uint8))
