"""The retrieval model scores which movies people interact with next; and its files.

`retrieval.json` describes the model and holds the digests of the other files and its own.

Shapes: M movies, m movies with weights, B people, R movies of one person, N candidates.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from safetensors.numpy import load_file, save

from recsys.common.arrays import Ints, Mask, Singles, find_best
from recsys.common.atomic import atomic_write
from recsys.common.errors import InputError
from recsys.retrieval.candidates import find_candidates
from recsys.retrieval.ease import Weights
from recsys.retrieval.histories import UserHistories
from recsys.retrieval.params import RetrievalParams, SequenceParams
from recsys.storage.lineage import Lineage, require_same_run
from recsys.storage.sealed import check_files, digest_files, seal, unseal

if TYPE_CHECKING:
    # Slow to import, and not needed for every model.
    from recsys.retrieval.sequence.encoder import SequenceEncoder

DESCRIPTION, WEIGHTS, ENCODER = "retrieval.json", "retrieval.safetensors", "encoder.safetensors"
# Beside an encoder, a sum of weights counts as this at least: its logarithm must be finite.
MIN_SCORE = 1e-4


class RetrievalModel:
    """Scores how likely people are to interact with movies, given their earlier movies.

    A person whose movies all have no weights, or who has none, gets the popular ones.

    Args:
        movies: the rows of the movies with weights, ascending, [m]
        weights: the weight of each movie, by row, in the score of another, by column; sparse if
            only the nearest movies have a weight, [m, m]
        ratings: the number of training ratings of each movie, [M]
        returning: what each movie's score is multiplied by, [M]
        params: how recommendations use the scores.
        lineage: digests of the users and movies, and of the split.
        encoder: for the model `sequence`, which takes order, stars and times into account.
    """

    def __init__(
        self,
        movies: Ints,
        weights: Weights | scipy.sparse.csr_matrix,
        ratings: Ints,
        returning: npt.NDArray[np.floating],
        params: RetrievalParams,
        lineage: Lineage,
        encoder: "SequenceEncoder | None" = None,
    ) -> None:
        self.movies, self.ratings, self.params, self.lineage = movies, ratings, params, lineage
        self.weights = weights.astype(np.float32, copy=False)
        self.returning: Singles = returning.astype(np.float32)
        # The scores for people about whose movies nothing is known.
        self.popular: Singles = (ratings / ratings.sum()).astype(np.float32)
        self.encoder = encoder

    def find_candidates(
        self, histories: UserHistories, allowed: Mask, count: int, as_of: Ints | None = None
    ) -> tuple[Ints, Singles]:
        """The movies with the highest scores, highest first; equal ones in the order of rows.

        The movies of a person's history, and those that are not allowed, have the score minus
        infinity.

        Args:
            histories, as_of: as for `score_all`.
            allowed: whether a movie may be recommended, [M]
            count: N, up to M

        Returns:
            the movies and their scores, [B, N] each
        """
        if isinstance(self.weights, np.ndarray) or self.encoder is not None:
            scores = self.score_all(histories, as_of)
            scores[:, ~allowed] = -np.inf
            scores[histories.person, histories.movie] = -np.inf
            best = find_best(scores, count)
            return best, np.take_along_axis(scores, best, axis=1)
        best = np.empty((len(histories), count), np.int64)
        found = np.empty(best.shape, np.float32)
        listed, weights = histories.matrix(), self.weights
        find_candidates(
            *(listed.indptr, listed.indices, self.movies),
            *(weights.indptr, weights.indices, weights.data),
            *(self.popular, self.returning, allowed, best, found),
        )
        return best, found

    def score_all(self, histories: UserHistories, as_of: Ints | None = None) -> Singles:
        """Unnormalised scores, possibly negative, [B, M]; in [0, 1] with an encoder.

        With an encoder, movies that a person interacted with have the score 0.

        Args:
            histories: of B people
            as_of: the time of each recommendation, since 1970, [B]; None for just after the last
                rating. It has an effect with an encoder only.
        """
        scores = self._add_weights(histories.matrix())
        if self.encoder is None:
            return scores
        eased = np.log(np.maximum(scores, MIN_SCORE))
        joined = self.encoder.score_all(histories, as_of) + self.params.ease_weight * eased
        # The encoder never learnt that people do not interact with a movie again.
        joined[histories.person, histories.movie] = -np.inf
        # The best movie gets 1, so that none of the good ones is too small for its logarithm.
        joined -= joined.max(axis=1, keepdims=True, initial=np.finfo(np.float32).min)
        return np.exp(joined, out=joined)

    def _add_weights(self, interacted: scipy.sparse.csr_matrix) -> Singles:
        """The sum of the weights of each person's movies, times `returning`, [B, M]

        Args:
            interacted: 1 for each movie that a person interacted with, else 0, [B, M]
        """
        scores = np.zeros(interacted.shape, np.float32)
        scores[:, self.movies] = to_dense(interacted[:, self.movies] @ self.weights)
        # Nothing is known about the movies of these people.
        scores[~scores.any(axis=1)] = self.popular
        scores *= self.returning
        return scores

    def find_reasons(self, history: Ints, movie: int, top: int) -> Ints:
        """The movies of a person with the largest weights in the score of a movie, at most `top`.

        Args:
            history, movie: rows of the movies table, [R]
        """
        place = np.searchsorted(self.movies, movie)
        known = history[np.isin(history, self.movies)]
        if movie not in self.movies or not len(known):
            return known[:0]
        weights = to_dense(self.weights[np.searchsorted(self.movies, known), place]).ravel()
        best = np.argsort(-weights, kind="stable")[:top]
        return known[best[weights[best] > 0]]

    def find_similar(self, movie: int) -> Singles:
        """The similarity of each movie to this one, as `compare`, [M]"""
        # SciPy takes parts of a sparse matrix by arrays of two dimensions.
        return self.compare(np.arange(len(self.ratings))[None], np.array([[movie]]))[0]

    def compare(self, movies: Ints, others: Ints) -> Singles:
        """The similarity of pairs of movies: the mean of their weights for each other, or 0.

        Args:
            movies, others: rows of the movies table, of shapes that broadcast.
        """
        place = np.full(len(self.ratings), -1)
        place[self.movies] = np.arange(len(self.movies))
        first, second = place[movies], place[others]
        there, back = self.weights[first, second], self.weights[second, first]
        mean = (to_dense(there) + to_dense(back)) / 2
        return np.where((first >= 0) & (second >= 0), mean, np.float32(0))

    def to_numbers(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of the model: `weights`, or if they are sparse their CSR form."""
        weights = self.weights
        numbers: dict[str, npt.NDArray[Any]] = {
            "movies": self.movies.astype(np.int32),
            "ratings": self.ratings.astype(np.int32),
            "returning": self.returning,
        }
        if isinstance(weights, np.ndarray):
            return numbers | {"weights": weights.astype(np.float16)}
        values = weights.data.astype(np.float16)
        return numbers | {"starts": weights.indptr, "columns": weights.indices, "values": values}

    def save(self, folder: Path) -> None:
        """Write the arrays and the description."""
        content = {"lineage": asdict(self.lineage), "params": self.params.model_dump()}
        arrays = {WEIGHTS: self.to_numbers()}
        if self.encoder is not None:
            content["sequence"] = self.encoder.params.model_dump()
            arrays[ENCODER] = self.encoder.to_numbers()
        with atomic_write(folder) as partial:
            partial.mkdir()
            for name, numbers in arrays.items():
                (partial / name).write_bytes(save(numbers))
            content["files"] = digest_files(partial, arrays)
            (partial / DESCRIPTION).write_text(seal(json.dumps(content, indent=2)))

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
            content = json.loads(unseal((folder / DESCRIPTION).read_bytes().decode()))
            known = Lineage(**content["lineage"])
            require_same_run(folder, known, other, lineage)
            encoder, section = None, content.get("sequence")
            check_files(folder, [WEIGHTS, ENCODER] if section else [WEIGHTS], content["files"])
            if section:
                from recsys.retrieval.sequence.encoder import SequenceEncoder

                numbers = load_file(folder / ENCODER)
                encoder = SequenceEncoder.from_numbers(numbers, SequenceParams(**section))
            numbers = load_file(folder / WEIGHTS)
            return cls(
                numbers["movies"],
                read_weights(numbers),
                numbers["ratings"],
                numbers["returning"],
                RetrievalParams(**content["params"]),
                known,
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


def to_dense(weights: Any) -> Singles:
    """An array, or a part of a sparse matrix, as an array."""
    return weights.toarray() if scipy.sparse.issparse(weights) else np.asarray(weights)
